"""Black and white of samples are found, and what is odd about their range is said."""

import numpy as np
import pytest

from genbench.core.errors import DataError
from genbench.data.archives.read import archive_of
from genbench.data.archives.scale import scale_of

SHAPE = (1, 4, 4)
X = np.linspace(0, 1, 10 * 16).reshape(10, *SHAPE)


def scaled(values, n_levels=256):
    archive = archive_of(values, "x.npy", SHAPE)
    scale = scale_of(archive, n_levels)
    return scale.intensities(archive.values), [flag.kind for flag in scale.flags], scale.text


@pytest.mark.parametrize(
    ("values", "kinds", "text"),
    [
        (X, [], "x"),
        (X.astype(np.float16), [], "x"),
        (2 * X - 1, ["range"], "(x + 1) / 2"),
        (255 * X, ["range"], "x / 255"),
        (127.5 * (2 * X - 1) + 128, ["rounding"], "(x - 0.5) / 255"),
        (np.round(255 * X).astype(np.uint8), [], "level / 255"),
        (np.round(255 * X).astype(np.int64), [], "level / 255"),
    ],
)
def test_every_usual_range_gives_the_same_intensities(values, kinds, text):
    found, flagged, rule = scaled(values)
    np.testing.assert_allclose(found, X, atol=0.002)
    assert (flagged, rule) == (kinds, text)


def test_values_a_little_outside_are_clipped_and_flagged():
    found, kinds, _ = scaled(1.2 * X - 0.1)
    assert kinds == ["range"]
    assert (found.min(), found.max()) == (0, 1)
    assert scaled(2.2 * X - 1.1)[1] == ["range", "range"]
    assert scaled(260 * X - 0.4)[1:] == scaled(256 * X)[1:] == (["range", "range"], "x / 255")


def test_levels_of_the_data_are_read_as_such():
    levels = np.round(16 * X).astype(np.uint8)
    found, kinds, rule = scaled(levels, n_levels=17)
    assert (kinds, rule) == ([], "level / 16")
    np.testing.assert_array_equal(found, levels.astype(np.float32) / 16)
    assert scaled(np.round(255 * X).astype(np.uint8), n_levels=17)[2] == "level / 255"
    assert scaled(levels.astype(float), n_levels=17)[1:] == (["range"], "x / 16")


def test_two_levels_are_black_and_white_and_flagged_where_the_data_have_more():
    pixels = (X > 0.5).astype(np.uint8)
    for values, n_levels, kinds in [
        (pixels, 2, []),
        (pixels, 256, ["range"]),
        (pixels.astype(bool), 256, []),
        (pixels * np.uint8(255), 2, []),
    ]:
        found, flagged, _ = scaled(values, n_levels)
        np.testing.assert_array_equal(found, pixels)
        assert flagged == kinds


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.where(X == 1, np.nan, X), "1 of 10 images hold NaN or infinite values; the first is"),
        (np.where(X == 1, np.inf, X), "image 9"),
        (1000 * X, "values are 0 to 1000, expected floats in [0, 1], [-1, 1] or [0, 255]"),
        (6 * X - 3, "values are -3 to 3"),
        ((300 * X).astype(int), "values are 0 to 300, expected 0 to 255"),
        ((300 * X).astype(int) - 20, "values are -20 to 280"),
    ],
)
def test_what_is_no_image_is_refused(values, said):
    with pytest.raises(DataError) as caught:
        scaled(values)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
