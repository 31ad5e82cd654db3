"""Latent Dirichlet allocation on images: pixels are words, their grey levels are counts."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import PositiveInt
from scipy.special import xlogy

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.seeding import derive
from genbench.data import DataConfig
from genbench.data.protocol import SplitName
from genbench.studies.study import Check, Findings, Setting, study

Array = npt.NDArray[np.float64]

SPLITS: tuple[SplitName, ...] = ("train", "test")
COLUMNS = 5
"""Topics in a row of the figure, and pictures beside each digit."""
N_SHOWN = 6


class Sizes(Options):
    """Numbers of topics that are compared, the one that is shown, and the passes over the data."""

    n_topics: tuple[PositiveInt, ...] = (1, 2, 5, 10, 20)
    shown: PositiveInt = 10
    n_passes: PositiveInt = 15


@study("topics", title="Topics of pixels", options=Sizes)
def topics(options: Sizes, setting: Setting) -> Findings:
    """Latent Dirichlet allocation on the counts of digits: topics, and held-out perplexity."""
    counts = {split: _counts(split, setting) for split in SPLITS}
    halves = {split: halve(counts[split], _draw(setting, split)) for split in SPLITS}
    seed = derive(setting.stream.seed, *setting.stream.path, "topics") % 2**32
    models = {n: fit(counts["train"], n, options.n_passes, seed) for n in options.n_topics}
    table = pd.DataFrame(
        {"n_topics": n, "split": split, "perplexity": perplexity(model, *halves[split])}
        for n, model in models.items()
        for split in SPLITS
    )
    shown = models.get(options.shown) or fit(counts["train"], options.shown, options.n_passes, seed)
    side = round(counts["train"].shape[1] ** 0.5)
    arrays = {
        "topics": topic_images(shown, side),
        "documents": document_images(shown, counts["test"][:N_SHOWN], side),
    }
    checks = _checks(models, counts["train"], halves["test"], table)
    return Findings({"perplexity": table}, checks, _plots(options), arrays)


def _counts(split: SplitName, setting: Setting) -> Array:
    """Return the digits as counts 0 to 16 of 64 pixels, (N, 64)."""
    data = setting.dataset(DataConfig(name="digits"))
    x = data.held_out(split).x.flatten(1).double().cpu().numpy()
    return np.round(x * (data.n_levels - 1))


def _draw(setting: Setting, split: str) -> np.random.Generator:
    return np.random.default_rng(derive(setting.stream.seed, *setting.stream.path, "half", split))


def halve(counts: Array, draw: np.random.Generator) -> tuple[Array, Array]:
    """Deal the words of each document out to two halves, each word by a fair coin."""
    seen = draw.binomial(counts.astype(np.int64), 0.5).astype(float)
    return seen, counts - seen


def fit(counts: Array, n_topics: int, n_passes: int, seed: int) -> Any:
    """Fit latent Dirichlet allocation by variational inference; both priors are 1 / n_topics.

    References:
        Blei, Ng, Jordan 2003; Hoffman, Blei, Bach 2010.
    """
    from sklearn.decomposition import LatentDirichletAllocation

    model = LatentDirichletAllocation(
        n_topics, learning_method="batch", max_iter=n_passes, random_state=seed
    )
    return model.fit(counts)


def words_per_topic(model: Any) -> Array:
    """Return the posterior mean of p(word given topic), (T, V)."""
    found: Array = model.components_ / model.components_.sum(axis=1, keepdims=True)
    return found


def perplexity(model: Any, seen: Array, hidden: Array) -> float:
    """Return exp of the mean code length, in nats per word, of the half that was not seen.

    The topics of a document are inferred from its other half. Unlike the perplexity of whole
    documents, which only has a bound, this one is that of an explicit predictive distribution:
    between 1 and, for a model no better than guessing, the number of words V.
    """
    predicted = model.transform(seen) @ words_per_topic(model)  # (N, V)
    return float(np.exp(-xlogy(hidden, predicted).sum() / hidden.sum()))


def topic_images(model: Any, side: int) -> Array:
    """Return the topics as images (rows, COLUMNS, H, W), the most used first, each up to white."""
    used = model.components_.sum(axis=1).argsort()[::-1]
    found = words_per_topic(model)[used]
    found = found / found.max(axis=1, keepdims=True)
    blank = np.zeros((-len(found) % COLUMNS, found.shape[1]))
    return np.concatenate([found, blank]).reshape(-1, COLUMNS, side, side)


def document_images(model: Any, counts: Array, side: int) -> Array:
    """Return per digit (row): itself, its mixture of topics, and its largest topics, weighed."""
    shares, words = model.transform(counts), words_per_topic(model)
    mixture = shares @ words
    largest = shares.argsort(axis=1)[:, ::-1][:, : COLUMNS - 2]
    parts = np.take_along_axis(shares, largest, axis=1)[:, :, None] * words[largest]  # (N, 3, V)
    white = mixture.max(axis=1, keepdims=True)
    rows = [counts[:, None] / counts.max(), (mixture / white)[:, None], parts / white[:, None]]
    return np.concatenate(rows, axis=1).clip(0, 1).reshape(len(counts), -1, side, side)


def _checks(
    models: dict[int, Any], train: Array, test: tuple[Array, Array], table: pd.DataFrame
) -> tuple[Check, ...]:
    n_words = train.shape[1]
    one = models.get(1) or fit(train, 1, 1, 0)
    unigram = (train.sum(axis=0) + 1) / (train.sum() + n_words)
    expected = float(np.exp(-(test[1] * np.log(unigram)).sum() / test[1].sum()))
    held_out = table[table.split == "test"].perplexity
    return (
        Check(
            "perplexity of one topic: pixels drawn from their smoothed frequencies",
            expected,
            perplexity(one, *test),
            1e-6,
            note="In closed form: one word is added to each count.",
        ),
        Check(
            "perplexity of the best number of topics, at most that of one",
            expected,
            float(held_out.min()),
            0.0,
            "<=",
        ),
        Check("least perplexity, at least 1", 1.0, float(table.perplexity.min()), 0.0, ">="),
    )


def _plots(options: Sizes) -> tuple[Plot, ...]:
    return (
        Plot(
            name="topics",
            title=f"{options.shown} topics of pixels",
            caption="Each image is p(pixel given topic), the most used topic first: strokes that "
            "occur together. White is the topic's likeliest pixel; an evenly white topic is one "
            "that no digit uses.",
            kind="images",
            array="topics",
        ),
        Plot(
            name="documents",
            title="Digits as mixtures of topics",
            caption="From left to right: a test digit, its mixture of topics, and the three "
            "topics with the largest share in it, each as bright as its share.",
            kind="images",
            array="documents",
        ),
        Plot(
            name="perplexity",
            title="Perplexity of the hidden half of each digit",
            caption="The topics of a digit are inferred from half of its ink and predict the "
            "other half; lower is better, and 64 is a guess.",
            table="perplexity",
            x="n_topics",
            y=("perplexity",),
            style="split",
            x_label="number of topics",
            y_label="perplexity per unit of ink",
            log_x=True,
        ),
    )
