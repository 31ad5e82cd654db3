"""The shapes: every combination of factors once, and squares where they are said to be."""

import numpy as np

from genbench.core.files import sha256_bytes
from genbench.data import DataConfig, datasets, load
from genbench.data.shapes import CENTRES, SIDES, draw, factors, factors_of
from genbench.data.source import read_source


def test_every_combination_comes_once_and_is_another_image():
    known = factors()
    assert sorted(map(tuple, known)) == [
        (c, r, s) for c in range(12) for r in range(12) for s in range(4)
    ]
    assert len({image.tobytes() for image in draw(known)}) == len(known)


def test_a_square_has_its_side_and_its_centre():
    known = factors()
    for image, (column, row, side) in zip(draw(known), known, strict=True):
        rows, columns = image.nonzero()
        assert image.sum() == SIDES[side] ** 2
        assert (rows.mean(), columns.mean()) == (CENTRES[row], CENTRES[column])


def test_the_factors_of_an_image_are_those_that_drew_it():
    assert np.array_equal(factors_of(draw(factors())), factors())


def test_the_file_follows_the_order_of_the_factors_and_the_splits_have_all_of_them():
    raw = read_source(DataConfig(name="shapes")).raw
    images = np.concatenate([raw.train_x, raw.test_x])
    assert np.array_equal(images, draw(factors()))
    assert np.array_equal(np.concatenate([raw.train_y, raw.test_y]), factors()[:, 2])
    assert sha256_bytes(images.tobytes()) == datasets["shapes"].pixels_sha256
    data = load(DataConfig(name="shapes", binarisation="threshold"))
    parts = [data.held_out(split) for split in ("train", "validation", "test")]
    served = np.concatenate([factors_of(part.x[:, 0].numpy()) for part in parts])
    assert sorted(map(tuple, served)) == sorted(map(tuple, factors()))
    assert np.array_equal(np.concatenate([part.y.numpy() for part in parts]), served[:, 2])
