"""Values of any type become levels by one rule, or are refused."""

import numpy as np
import pytest

from genbench.core.errors import DataError
from genbench.data.own.arrays import read_arrays
from genbench.data.own.images import Reading

LEVELS = np.random.default_rng(0).integers(0, 16, (9, 4, 4), dtype=np.uint8)
LEVELS[0, 0, :2] = 0, 15
SPREAD = np.round(LEVELS * 255.0 / 15).astype(np.uint8)
UNIT = LEVELS / 15


def read(x, levels=None, **others):
    return read_arrays({"x": x, **others}, "my.npz", Reading(levels=levels))


@pytest.mark.parametrize(
    "values",
    [
        LEVELS,
        SPREAD,
        LEVELS.astype(np.int64),
        LEVELS.astype(np.float16),
        UNIT,
        UNIT.astype(np.float32),
        UNIT.astype(np.float16),
        UNIT.astype(">f4"),
    ],
    ids=lambda x: f"{x.dtype}-{x.max():.0f}",
)
def test_sixteen_levels_are_read_from_every_way_to_write_them(values):
    images = read(values, 16)
    np.testing.assert_array_equal(images.levels[:, 0], LEVELS)
    assert images.n_levels == 16


@pytest.mark.parametrize("n_levels", [2, 3, 4, 7, 100, 255, 256])
def test_levels_spread_over_a_byte_are_found_again(n_levels):
    levels = np.arange(n_levels, dtype=np.uint8).reshape(n_levels, 1, 1)
    spread = np.round(levels * 255.0 / (n_levels - 1)).astype(np.uint8)
    np.testing.assert_array_equal(read(spread, n_levels).levels, levels[:, None])


def test_bytes_have_256_levels_and_bool_has_2():
    assert read(LEVELS).n_levels == 256
    np.testing.assert_array_equal(read(LEVELS).levels[:, 0], LEVELS)
    images = read(LEVELS > 7)
    assert images.n_levels == 2
    np.testing.assert_array_equal(images.levels[:, 0], LEVELS > 7)


def test_one_rule_holds_for_all_parts():
    dark = np.zeros((3, 4, 4), np.uint8)
    dark[0, 0, 0] = 3  # a level below 16, but not one of those spread over a byte
    with pytest.raises(DataError, match="a pixel is 3"):
        read_arrays({"x_train": SPREAD, "x_test": dark}, "x", Reading(levels=16))


def _first_two(value):
    changed = UNIT.copy()
    changed[:2, 0, 0] = value
    return changed


@pytest.mark.parametrize(
    ("values", "levels", "said"),
    [
        (UNIT, None, "values are float64; state how many values a pixel can take with `levels`"),
        (LEVELS.astype(int), None, "values are int64; state"),
        (LEVELS + np.uint8(100), 16, "a pixel is 1"),
        (LEVELS.astype(int) + 1, 16, "values are 1 to 16, expected 0 to 15"),
        (LEVELS.astype(int) - 1, 16, "values are -1 to 14"),
        (UNIT - 1, 16, "values are -1 to 0, expected 0 to 1 or 0 to 15"),
        (2 * UNIT - 1, 16, "expected 0 to 1 or 0 to 15; of -1 to 1, take (x + 1) / 2"),
        (UNIT * 255, 16, "expected 0 to 1 or 0 to 15"),
        (_first_two(np.nan), 16, f": 2 of {len(UNIT)} images hold NaN or infinite values"),
        (_first_two(np.inf), 16, f": 2 of {len(UNIT)} images hold NaN or infinite values"),
        (UNIT * 0.99, 16, "lies between two levels; round first, with np.round(15 * x)"),
        (LEVELS + 0.5, 256, "np.round(x).astype(np.uint8)"),
        (LEVELS > 7, 256, "bool, which has 2 levels, not 256"),
        (LEVELS.astype(complex), 16, "values are complex128"),
        (LEVELS.astype(str), 16, "values are <U"),
        (LEVELS.astype(object), 16, "values are object"),
        (LEVELS.astype("M8[s]"), 16, "values are datetime64"),
        (np.zeros((9, 4, 4), "i4,f4"), 16, "values are [("),
    ],
)
def test_values_that_are_no_levels_are_refused(values, levels, said):
    with pytest.raises(DataError) as caught:
        read(values, levels)
    assert said in str(caught.value)


def test_the_number_of_levels_in_the_file_is_used_and_may_not_be_contradicted():
    assert read(LEVELS, n_levels=np.array(16)).n_levels == 16
    with pytest.raises(DataError, match="has 16 levels, not 4"):
        read(LEVELS, 4, n_levels=np.array(16))
    for wrong in (1, 257, 2.5, [2]):
        with pytest.raises(DataError, match="n_levels is not a number from 2 to 256"):
            read(LEVELS, n_levels=np.array(wrong))


def test_few_levels_are_not_scaled():
    with pytest.raises(DataError, match="`resize` makes values between 2 levels"):
        read_arrays({"x": LEVELS > 7}, "x", Reading(resize=(2, 2)))
