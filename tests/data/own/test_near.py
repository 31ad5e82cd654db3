"""Near copies are counted against a search of all pairs, wherever in the test set they are."""

import numpy as np
import pytest

from genbench.data.own import near
from genbench.data.own.near import NEAR, n_near


def noise(n, seed, shape=(1, 6, 5)):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def with_copies(places, n_test=2_500, n_train=300):
    """Test images of noise, those at ``places`` a level beside a training image."""
    train, test = noise(n_train, 0), noise(n_test, 1)
    test[places] = train[np.arange(len(places)) * 7 % n_train] ^ 1
    return test, train


def by_all_pairs(test, train):
    gaps = test.reshape(len(test), 1, -1).astype(float) - train.reshape(1, len(train), -1)
    distance = np.sqrt((gaps**2).mean(axis=2)).min(axis=1) / 255
    return int(((distance > 0) & (distance < NEAR)).sum())


def test_near_copies_are_found_in_the_whole_test_set():
    test, train = with_copies([3, 999, 1_000, 2_400])
    assert n_near(test, train, 256) == (4, 2_500)
    assert by_all_pairs(test, train) == 4


@pytest.mark.parametrize("train", [1, 7, 300])
@pytest.mark.parametrize("test", [1, 9, 2_500])
def test_the_blocks_of_the_search_decide_nothing(monkeypatch, train, test):
    images = with_copies([3, 999, 1_000, 2_400])
    monkeypatch.setattr(near, "_TRAIN", train * 43)
    monkeypatch.setattr(near, "_TEST", test)
    monkeypatch.setattr(near, "_PIXELS", 30 * test)
    assert n_near(*images, 256) == (4, 2_500)


def test_where_there_are_too_many_pairs_evenly_spaced_test_images_are_looked_at(monkeypatch):
    images = with_copies(np.arange(0, 2_500, 25))
    monkeypatch.setattr(near, "_PAIRS", 300 * 500)
    assert n_near(*images, 256) == (100, 500)
    monkeypatch.setattr(near, "_PAIRS", 1)
    assert n_near(*images, 256) == (1, 1)
