"""Latent Dirichlet allocation on images: pixels are words, their grey levels are counts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.special import xlogy

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.protocol import SplitName
from genbench.core.seeding import derive
from genbench.data import DataConfig
from genbench.studies.study import (
    N_PIXELS,
    Array,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    at_most,
    equal,
    study,
)

TRAIN_TEST: tuple[SplitName, ...] = ("train", "test")
N_COLUMNS = 5
"""Images per row of both figures."""
N_SHOWN = 6
PLOTS = (
    Plot(
        name="documents",
        title="Digits as mixtures of topics",
        caption="From left to right: a test digit, its mixture of topics, and the three topics "
        "with the largest share, with brightness proportional to the share.",
        kind="images",
        array="documents",
    ),
    Plot(
        name="perplexity",
        title="Perplexity of the hidden half of each digit",
        caption="The topics of a digit are inferred from half of its ink and predict the other "
        "half; lower is better, and a uniform guess has 64.",
        table="perplexity",
        x="n_topics",
        y=("perplexity",),
        style="split",
        x_label="number of topics",
        y_label="perplexity per unit of ink",
        log_x=True,
    ),
)


class TopicsOptions(StudyOptions):
    """The numbers of topics to compare, the one to show, and the passes over the data."""

    n_topics: tuple[Count, ...] = Field((1, 2, 5, 10, 20), min_length=1)
    shown: Count = 10
    n_passes: Count = 15

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max((*self.n_topics, self.shown)) * N_PIXELS


@study("topics", title="Topics of pixels", options=TopicsOptions)
def topics(options: TopicsOptions, setting: Setting) -> Findings:
    """Latent Dirichlet allocation on the counts of digits: topics, and held-out perplexity."""
    counts = {split: _counts(split, setting) for split in TRAIN_TEST}
    halves = {split: halve(counts[split], _draw(setting, split)) for split in TRAIN_TEST}
    seed = derive(setting.stream.seed, *setting.stream.path, "topics") % 2**32
    models = {n: fit_topics(counts["train"], n, options.n_passes, seed) for n in options.n_topics}
    table = pd.DataFrame(
        {"n_topics": n, "split": split, "perplexity": perplexity(model, *halves[split])}
        for n, model in models.items()
        for split in TRAIN_TEST
    )
    shown = models.get(options.shown) or fit_topics(
        counts["train"], options.shown, options.n_passes, seed
    )
    side = round(counts["train"].shape[1] ** 0.5)
    arrays = {
        "topics": topic_images(shown, side),
        "documents": document_images(shown, counts["test"][:N_SHOWN], side),
    }
    checks = tuple(_checks(models, counts["train"], halves["test"], table))
    images = Plot(
        name="topics",
        title=f"{options.shown} topics of pixels",
        caption="Each image is p(pixel given topic), the most used topic first: strokes that "
        "occur together. White is the most probable pixel of a topic; no digit uses an evenly "
        "white topic.",
        kind="images",
        array="topics",
    )
    return Findings({"perplexity": table}, checks, (images, *PLOTS), arrays)


def _counts(split: SplitName, setting: Setting) -> Array:
    """Return the digits as counts from 0 to 16 for 64 pixels, (N, 64)."""
    data = setting.dataset(DataConfig(name="digits"))
    x = data.held_out(split).x.flatten(1).double().cpu().numpy()
    return np.round(x * (data.n_levels - 1))


def _draw(setting: Setting, split: str) -> np.random.Generator:
    return np.random.default_rng(derive(setting.stream.seed, *setting.stream.path, "half", split))


def halve(counts: Array, draw: np.random.Generator) -> tuple[Array, Array]:
    """Assign each word of each document to one of two halves by a fair coin."""
    seen = draw.binomial(counts.astype(np.int64), 0.5).astype(float)
    return seen, counts - seen


def fit_topics(counts: Array, n_topics: int, n_passes: int, seed: int) -> Any:
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
    return np.asarray(model.components_ / model.components_.sum(axis=1, keepdims=True))


def perplexity(model: Any, seen: Array, hidden: Array) -> float:
    """Return exp of the mean code length of the hidden half, in nats per word.

    The topics of a document are inferred from its other half. The perplexity of whole documents
    can only be bounded; this one is that of an explicit predictive distribution, between 1 and the
    number of words V, the value of a uniform guess.
    """
    predicted = model.transform(seen) @ words_per_topic(model)  # (N, V)
    return float(np.exp(-xlogy(hidden, predicted).sum() / hidden.sum()))


def topic_images(model: Any, side: int) -> Array:
    """Return the topics as images (rows, columns, H, W), most used first, scaled to white."""
    most_used_first = model.components_.sum(axis=1).argsort()[::-1]
    images = words_per_topic(model)[most_used_first]
    images = images / images.max(axis=1, keepdims=True)
    blank = np.zeros((-len(images) % N_COLUMNS, images.shape[1]))
    return np.concatenate([images, blank]).reshape(-1, N_COLUMNS, side, side)


def document_images(model: Any, counts: Array, side: int) -> Array:
    """Return a row for each digit: itself, its mixture of topics, and its largest topics."""
    shares, words = model.transform(counts), words_per_topic(model)
    mixture = shares @ words
    largest = shares.argsort(axis=1)[:, ::-1][:, : N_COLUMNS - 2]
    parts = np.take_along_axis(shares, largest, axis=1)[:, :, None] * words[largest]  # (N, 3, V)
    white = mixture.max(axis=1, keepdims=True)
    rows = [counts[:, None] / counts.max(), (mixture / white)[:, None], parts / white[:, None]]
    return np.concatenate(rows, axis=1).clip(0, 1).reshape(len(counts), -1, side, side)


def _checks(
    models: dict[int, Any], train: Array, test: tuple[Array, Array], table: pd.DataFrame
) -> Iterator[StudyCheck]:
    n_words = train.shape[1]
    one = models.get(1) or fit_topics(train, 1, 1, 0)
    unigram = (train.sum(axis=0) + 1) / (train.sum() + n_words)
    expected = np.exp(-(test[1] * np.log(unigram)).sum() / test[1].sum())
    name = "perplexity of one topic: that of the smoothed pixel frequencies"
    note = "In closed form, with one word added to each count."
    yield equal(name, expected, perplexity(one, *test), 1e-6, note)
    name = "perplexity of the best number of topics is at most that of one"
    yield at_most(name, expected, table[table.split == "test"].perplexity.min())
    yield at_least("smallest perplexity is at least 1", 1.0, table.perplexity.min())
