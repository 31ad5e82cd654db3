"""The perplexity of known models, and the topics of digits on a small budget."""

from types import SimpleNamespace

import numpy as np
import pytest

from genbench.core.seeding import Stream
from genbench.studies import Setting, studies
from genbench.studies.topics import (
    TopicsOptions,
    fit_topics,
    halve,
    perplexity,
    topic_images,
    words_per_topic,
)

SIZES = TopicsOptions(n_topics=(1, 4), shown=4, n_passes=3)


@pytest.fixture(scope="module")
def findings():
    return studies["topics"].function(SIZES, Setting(Stream(0)))


def known(words, shares):
    """A model that knows p(word given topic) (T, V) and each document's topics (N, T)."""
    return SimpleNamespace(
        components_=10 * np.array(words), transform=lambda seen: np.array(shares)
    )


def test_a_guess_has_the_perplexity_of_the_number_of_words():
    model = known(np.full((2, 5), 0.2), [[0.3, 0.7]])
    hidden = np.array([[1.0, 0, 4, 2, 0]])
    assert perplexity(model, hidden, hidden) == pytest.approx(5, rel=1e-12)


def test_the_perplexity_of_a_mixture_is_worked_out_by_hand():
    model = known([[0.5, 0.5, 0], [0, 0.25, 0.75]], [[0.5, 0.5], [1.0, 0.0]])
    hidden = np.array([[1.0, 2, 0], [3, 0, 0]])
    mean = (np.log(0.25) + 2 * np.log(0.375) + 3 * np.log(0.5)) / 6
    assert perplexity(model, hidden, hidden) == pytest.approx(np.exp(-mean), rel=1e-12)


def test_two_halves_make_the_whole_and_are_dealt_fairly():
    counts = np.full((200, 64), 8.0)
    seen, hidden = halve(counts, np.random.default_rng(0))
    assert np.array_equal(seen + hidden, counts)
    assert min(seen.min(), hidden.min()) >= 0
    error = 0.5 * np.sqrt(counts.sum())  # of a sum of fair coins
    assert abs(seen.sum() - counts.sum() / 2) <= 4 * error


def test_documents_of_two_kinds_are_told_apart():
    """Half of the documents use the first words only, half the last: two topics, each a half."""
    draw = np.random.default_rng(0)
    kind = np.arange(100) % 2
    chance = np.where(kind[:, None] == 0, [0.25] * 4 + [0] * 4, [0] * 4 + [0.25] * 4)
    counts = draw.poisson(80 * chance).astype(float)
    words = words_per_topic(fit_topics(counts, 2, 20, 0))
    first = words[:, :4].sum(axis=1)
    assert sorted(first) == pytest.approx([0, 1], abs=0.01)
    error = np.sqrt(0.25 * 0.75 / 4000)  # of a word's share among 50 documents of 80 words
    assert np.abs(words - 0.25)[words > 0.1].max() <= 4 * error


def test_topic_images_are_in_the_order_of_their_use():
    model = SimpleNamespace(components_=np.array([[1.0, 0, 0, 1], [4, 4, 0, 0], [0, 0, 9, 0]]))
    images = topic_images(model, 2)
    assert images.shape == (1, 5, 2, 2)
    assert images[0, 0].tolist() == [[0, 0], [1, 0]]
    assert images[0, 1].tolist() == [[1, 1], [0, 0]]
    assert not images[0, 3:].any()


def test_every_check_passes_and_topics_explain_digits(findings):
    assert [c.name for c in findings.checks if not c.passed] == []
    table = findings.tables["perplexity"].set_index(["n_topics", "split"]).perplexity
    assert table[4, "test"] < table[1, "test"] < 64


def test_the_pictures_are_there(findings):
    assert findings.arrays["topics"].shape == (1, 5, 8, 8)
    assert findings.arrays["documents"].shape == (6, 5, 8, 8)
    assert {plot.array or plot.table for plot in findings.plots} == {
        "topics",
        "documents",
        "perplexity",
    }
