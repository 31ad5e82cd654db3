"""Which images are for what: the draw against its description, and what it must not depend on."""

from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest

from genbench.data import DataConfig, datasets
from genbench.data.source import read_source
from genbench.data.specs import RawData
from genbench.data.splits import parts_of


def source(n=40, n_test=12, top=256, seed=0, given=False):
    draw = np.random.default_rng(seed)
    x = draw.integers(0, top, (n + n_test, 1, 2, 3), dtype=np.uint8)
    y = draw.integers(0, 3, len(x))
    sizes = {"n_train": n, "n_test": n_test, "default_validation_size": 10}
    spec = replace(datasets["digits"], validation_is_given=given, **sizes)
    return SimpleNamespace(spec=spec, raw=RawData(x[:n], y[:n], x[n:], y[n:]))


def config(**options):
    return DataConfig(name="digits", **options)


def pixels(levels):
    return [image.tobytes() for image in levels]


def by_description(levels, start):
    """Sort images as the module's docstring says."""

    def key(i):
        return sha256(start.encode() + sha256(levels[i].tobytes()).digest()).digest()

    return sorted(range(len(levels)), key=key)


@pytest.mark.parametrize("seed", [0, 7])
def test_validation_images_are_drawn_by_seed_and_training_keeps_the_order_of_the_file(seed):
    it = source()
    parts = parts_of(config(seed=seed), it)
    order = by_description(it.raw.train_x, f"validation split {seed} ")
    assert parts.validation.tolist() == order[:10]
    assert parts.train.tolist() == sorted(order[10:])
    assert parts.test.tolist() == list(range(12))


def test_a_limit_keeps_what_is_drawn_first_of_each_split():
    it = source()
    whole, cut = parts_of(config(), it), parts_of(config(limit=7), it)
    order = by_description(it.raw.train_x, "validation split 0 ")
    assert cut.validation.tolist() == whole.validation[:7].tolist()
    assert cut.train.tolist() == sorted(order[10:17])
    assert cut.test.tolist() == sorted(by_description(it.raw.test_x, "limit 0 ")[:7])
    larger = parts_of(config(limit=9), it)
    assert all(set(few) <= set(more) for few, more in zip(cut, larger, strict=True))


@pytest.mark.parametrize("limit", [None, 11])
def test_the_order_of_the_file_decides_nothing(limit):
    it = source()
    shuffled = np.random.default_rng(3).permutation(40)
    again = SimpleNamespace(
        spec=it.spec,
        raw=it.raw._replace(train_x=it.raw.train_x[shuffled], train_y=it.raw.train_y[shuffled]),
    )
    first, second = (parts_of(config(limit=limit), each) for each in (it, again))
    drawn = [pixels(each.raw.train_x[p.validation]) for each, p in ((it, first), (again, second))]
    trained = [pixels(each.raw.train_x[p.train]) for each, p in ((it, first), (again, second))]
    assert drawn[0] == drawn[1]
    assert sorted(trained[0]) == sorted(trained[1])


def test_equal_images_are_parted_at_most_at_the_boundary():
    it = source(n=60, top=2)
    parts = parts_of(config(), it)
    both = set(pixels(it.raw.train_x[parts.train])) & set(pixels(it.raw.train_x[parts.validation]))
    assert len(set(pixels(it.raw.train_x))) < 60
    assert len(both) <= 1


def test_given_validation_images_stay():
    parts = parts_of(config(seed=5, limit=7), source(given=True))
    assert parts.train.tolist() == list(range(7))
    assert parts.validation.tolist() == list(range(30, 37))
    assert parts.test.tolist() == list(range(7))


@pytest.mark.mnist
def test_validation_images_of_mnist_are_a_random_sample_and_the_last_of_its_file_are_not(real_data):
    """The mean intensity of an image, in standard errors of 5,000 random ones."""
    it = read_source(DataConfig(name="mnist"), real_data, with_test=False)
    mean = it.raw.train_x.mean(axis=(1, 2), dtype=np.float64)
    stderr = mean.std() / np.sqrt(5000)
    blocks = (mean.reshape(12, 5000).mean(axis=1) - mean.mean()) / stderr
    assert (blocks**2).sum() > 100  # of random blocks, chi squared with 11 degrees of freedom
    drawn = [parts_of(DataConfig(name="mnist", seed=s), it).validation for s in range(3)]
    assert max(abs(mean[i].mean() - mean.mean()) / stderr for i in drawn) < 3
