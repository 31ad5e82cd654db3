"""Which images are for what, and the digest that names a set: functions of its content alone."""

import hashlib
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.core.errors import DataError
from genbench.data.own.images import OwnImages
from genbench.data.own.splitting import content_digest, divide
from genbench.data.protocol import SplitOptions
from genbench.data.splits import pixel_digests


def own(levels, labels=None, parts=None, n_levels=256):
    levels = np.asarray(levels, dtype=np.uint8)
    n = len(levels)
    labels = np.asarray(np.zeros(n) if labels is None else labels, dtype=np.int64)
    parts = np.asarray(np.zeros(n) if parts is None else parts, dtype=np.uint8)
    classes = tuple(map(str, range(labels.max(initial=0) + 1)))
    return OwnImages("shots.npz", levels, labels, classes, parts, n_levels, ())


def drawn(n, seed=0, n_classes=3):
    draw = np.random.default_rng(seed)
    return own(draw.integers(0, 256, (n, 1, 3, 2)), draw.integers(0, n_classes, n))


def chosen(images, index):
    return own(images.levels[index], images.labels[index], images.parts[index], images.n_levels)


def divided(images, **split):
    return divide(images, pixel_digests(images.levels), SplitOptions(**split))


def content(images, indices):
    return [(images.levels[i].tobytes(), int(images.labels[i])) for i in indices]


def digest(images):
    return content_digest(images, pixel_digests(images.levels))


def key(pixels, seed=0):
    """The sort key of an image, from the description of the format."""
    return hashlib.sha256(f"{seed} ".encode() + hashlib.sha256(pixels).digest()).digest()


@pytest.mark.parametrize("seed", [0, 7])
def test_images_are_sorted_by_the_digest_of_seed_and_pixels_and_the_last_are_the_test_set(seed):
    images = drawn(50)
    each = content(images, range(50))
    keys = sorted((key(pixels, seed), y) for pixels, y in each)
    it = divided(images, seed=seed)
    found = [
        (key(pixels, seed), y) for pixels, y in content(images, np.concatenate([it.train, it.test]))
    ]
    assert found == keys
    assert (len(it.train), len(it.test), it.n_validation) == (40, 10, 4)
    assert (it.test_is_drawn, it.validation_is_given) == (True, False)


@given(st.integers(3, 40), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_in_the_file_decides_nothing(n, n_levels, random):
    """Few levels make many equal images, with equal and with other labels."""
    draw = np.random.default_rng(n)
    images = own(draw.integers(0, n_levels, (n, 1, 1, 2)), draw.integers(0, 2, n))
    order = list(range(n))
    random.shuffle(order)
    shuffled = chosen(images, order)
    first, second = divided(images), divided(shuffled)
    for part in ("train", "test"):
        one, other = getattr(first, part), getattr(second, part)
        assert content(images, one) == content(shuffled, other)
    assert digest(images) == digest(shuffled)


@given(st.integers(3, 30), st.integers(1, 10))
def test_more_images_never_change_the_order_of_the_others(n, n_more):
    images = drawn(n + n_more)
    before, after = divided(chosen(images, range(n))), divided(images)
    old = np.concatenate([before.train, before.test]).tolist()
    new = np.concatenate([after.train, after.test]).tolist()
    assert [i for i in new if i < n] == old


@given(st.integers(3, 40), st.integers(0, 3))
def test_equal_images_lie_next_to_each_other(n, seed):
    draw = np.random.default_rng(n)
    images = own(draw.integers(0, 3, (n, 1, 1, 2)))
    it = divided(images, seed=seed)
    pixels = [x for x, _ in content(images, np.concatenate([it.train, it.test]))]
    changes = sum(a != b for a, b in pairwise(pixels))
    assert changes == len(set(pixels)) - 1


def test_another_seed_draws_another_test_set():
    images = drawn(50)
    sets = {tuple(sorted(divided(images, seed=seed).test)) for seed in range(5)}
    assert len(sets) == 5


@pytest.mark.parametrize(
    ("test", "n_test"), [(0.2, 20), (0.5, 50), (0.001, 1), (7, 7), (98, 98), (0.125, 12)]
)
def test_the_test_set_is_as_large_as_stated(test, n_test):
    it = divided(drawn(100), test=test)
    assert (len(it.train), len(it.test)) == (100 - n_test, n_test)


def test_at_most_five_thousand_images_are_for_validation():
    images = own(np.arange(60_000 * 4, dtype=np.uint32).view(np.uint8).reshape(60_000, 1, 4, 4))
    it = divided(images, test=3_000)
    assert (len(it.train), it.n_validation) == (57_000, 5_000)


PARTS = np.array([1] * 12 + [3] * 5 + [2] * 3)


@pytest.mark.parametrize(
    ("given_parts", "sizes"),
    [
        ((1, 2, 3), (12, 3, 5)),
        ((1, 3), (11, 1, 5)),
        ((1, 2), (10, 3, 2)),
    ],
)
def test_given_parts_stay_as_they_are_and_the_missing_are_drawn(given_parts, sizes):
    index = np.isin(PARTS, given_parts)
    images = own(drawn(20).levels[index], parts=PARTS[index])
    it = divided(images)
    train, validation = it.train[: -it.n_validation], it.train[-it.n_validation :]
    assert (len(train), len(validation), len(it.test)) == sizes
    parts = [set(images.parts[i].tolist()) for i in (train, validation, it.test)]
    assert parts == [{1}, {2} if 2 in given_parts else {1}, {3} if 3 in given_parts else {1}]
    assert (it.validation_is_given, it.test_is_drawn) == (2 in given_parts, 3 not in given_parts)


@pytest.mark.parametrize("part", [1, 2, 3])
def test_one_part_alone_is_no_division(part):
    whole = drawn(20)
    images = own(whole.levels, whole.labels, np.full(20, part))
    assert digest(images) == digest(whole)
    assert divided(images).test.tolist() == divided(whole).test.tolist()


def test_the_digest_is_that_of_shape_levels_and_sorted_images():
    images = own([[[[1, 2]]], [[[3, 4]]], [[[1, 2]]]], [1, 0, 0], [1, 3, 1], n_levels=17)
    each = sorted(
        hashlib.sha256(bytes(pixels)).digest() + part.to_bytes(8) + label.to_bytes(8)
        for pixels, part, label in [((1, 2), 1, 1), ((3, 4), 3, 0), ((1, 2), 1, 0)]
    )
    head = json.dumps({"n_levels": 17, "shape": [1, 1, 2]}, separators=(",", ":"))
    assert digest(images) == hashlib.sha256(head.encode() + b"".join(each)).hexdigest()


def test_every_pixel_label_part_level_and_dimension_is_in_the_digest():
    images = own(drawn(6).levels, [0, 1, 2, 0, 1, 2], [1, 1, 1, 3, 3, 2])
    pixels, labels, parts = (a.copy() for a in (images.levels, images.labels, images.parts))
    pixels[0, 0, 0, 0] ^= 1
    labels[[0, 1]] = labels[[1, 0]]
    parts[[0, 3]] = parts[[3, 0]]
    others = [
        own(pixels, images.labels, images.parts),
        own(images.levels, labels, images.parts),
        own(images.levels, images.labels, parts),
        own(images.levels, images.labels, images.parts, n_levels=255),
        own(images.levels.transpose(0, 1, 3, 2), images.labels, images.parts),
        own(images.levels.reshape(6, 1, 2, 3), images.labels, images.parts),
        chosen(images, [0, 1, 2, 3, 4]),
        chosen(images, [0, 0, 1, 2, 3, 4, 5]),
    ]
    assert len({digest(images), *map(digest, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("images", "split", "sizes"),
    [
        (drawn(0), {}, (0, 0)),
        (drawn(1), {}, (0, 1)),
        (drawn(2), {}, (1, 1)),
        (drawn(9), {"test": 8}, (1, 8)),
        (drawn(9), {"test": 9}, (0, 9)),
        (drawn(9), {"test": 10}, (0, 9)),
        (own(drawn(4).levels, parts=[1, 3, 3, 3]), {}, (1, 3)),
        (own(drawn(4).levels, parts=[2, 3, 3, 3]), {}, (1, 3)),
    ],
)
def test_an_empty_part_is_refused_with_all_sizes(images, split, sizes):
    said = "0 images for training, {} for validation and {} for testing".format(*sizes)
    with pytest.raises(DataError, match=rf"^shots\.npz: {said}"):
        divided(images, **split)


def test_three_images_are_enough():
    it = divided(drawn(3))
    assert (len(it.train), it.n_validation, len(it.test)) == (2, 1, 1)
