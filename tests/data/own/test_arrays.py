"""Names, shapes and labels of arrays."""

import numpy as np
import pytest

from genbench.core.errors import DataError
from genbench.data.own.arrays import LABELS, WHOLE, read_arrays
from genbench.data.own.images import Reading

X = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)
Y = np.arange(6) % 3


def refusal(arrays, reading=None):
    with pytest.raises(DataError) as caught:
        read_arrays(arrays, "my.npz", reading or Reading())
    message = str(caught.value)
    assert message.startswith("my.npz")
    return message


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("images", WHOLE)
def test_a_whole_set_is_found_by_each_of_its_names(images, labels):
    read = read_arrays({images: X, labels: Y}, "my.npz")
    np.testing.assert_array_equal(read.levels[:, 0], X)
    np.testing.assert_array_equal(read.labels, Y)
    assert read.parts.tolist() == [0] * 6


@pytest.mark.parametrize("validation", ["validation", "valid", "val"])
def test_parts_are_found_by_their_names(validation):
    arrays = {"x_test": X[:1], f"x_{validation}": X[1:3], "x_train": X[3:]}
    read = read_arrays(arrays, "my.npz")
    np.testing.assert_array_equal(read.levels[:, 0], X[[3, 4, 5, 1, 2, 0]])
    assert read.parts.tolist() == [1, 1, 1, 2, 2, 3]
    assert read.classes == ()


def test_train_alone_is_an_undivided_set_and_a_missing_test_part_is_said():
    assert set(read_arrays({"x_train": X}, "x").parts.tolist()) == {0}
    read = read_arrays({"x_train": X, "x_val": X}, "x")
    assert set(read.parts.tolist()) == {1, 2}
    assert "It has no part test, which is drawn from train." in read.notes


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x", "images"], "holds images, x"),
        (["x_train", "x"], "holds x_train, x"),
        (["x_test"], "no part `train`"),
        (["x_train", "x_val", "x_valid"], "a part twice"),
        (["a", "b\n"], r"holds a, 'b\n'; expected x_train"),
        ([], "holds nothing; expected x_train"),
        (["x", "y", "labels"], "holds labels twice, as labels and y"),
        (["x_train", "y_train", "x_test"], "has no y_test"),
    ],
)
def test_names_that_can_be_read_in_two_ways_are_refused(names, said):
    assert said in refusal({name: X if name[0] in "xi" else Y for name in names})


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((9, 784), "x.reshape(-1, 28, 28)"),
        ((9, 700), "x.reshape(-1, height, width)"),
        ((9, 3, 5, 3), "'NHWC' (3 x 5 pixels, 3 channels) or 'NCHW' (5 x 3 pixels, 3 channels)"),
        ((9, 1, 5, 1), "state which with `layout`"),
        ((9, 5, 5, 4), "x[..., :3]"),
        ((9, 4, 5, 5), "x[:, :3]"),
        ((9, 5, 5, 2), "is none of (N, H, W)"),
        ((9,), "is none of (N, H, W)"),
        ((), "is none of (N, H, W)"),
        ((1, 2, 3, 4, 5), "is none of (N, H, W)"),
        ((0, 5, 5), "x has no images"),
        ((9, 0, 5), "x has no images"),
    ],
)
def test_a_shape_that_is_not_plain_is_refused_with_the_fix(shape, said):
    assert said in refusal({"x": np.zeros(shape, np.uint8)})


def test_a_stated_layout_decides_and_must_fit():
    x = np.random.default_rng(0).integers(0, 256, (9, 3, 5, 3), dtype=np.uint8)
    read = read_arrays({"x": x}, "x", Reading(layout="NHWC"))
    np.testing.assert_array_equal(read.levels, np.moveaxis(x, 3, 1))
    read = read_arrays({"x": x}, "x", Reading(layout="NCHW"))
    np.testing.assert_array_equal(read.levels, x)
    assert "'NHW' does" in refusal({"x": X}, Reading(layout="NHWC"))


def test_parts_must_agree_in_shape_and_type():
    assert "different shapes: x_train (6, 5, 4)" in refusal({"x_train": X, "x_test": X[:, 1:]})
    assert "different types" in refusal({"x_train": X, "x_test": X.astype(float)})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (Y[:5], "y has the shape (5,), expected (6,) as x has 6 images"),
        (np.eye(6)[:, :3], "try y.argmax(1)"),
        (Y.astype(float), "labels are float64, expected integers; try y.astype(int)"),
        (Y - 1, "a label is -1"),
        (np.full(6, 2**64 - 1, np.uint64), "a label is 18446744073709551615"),
        (np.array([None] * 6), "labels are object"),
        (np.array([b"a"] * 6), "labels are |S1"),
        (np.array(["a\x1b[31m"] * 6), "without control characters"),
        (np.array(["", *"abcde"]), "expected 1 to 100 letters"),
    ],
)
def test_labels_that_are_none_are_refused(labels, said):
    assert said in refusal({"x": X, "y": labels})


def test_too_many_labels_are_refused():
    x = np.zeros((1_001, 2, 2), np.uint8)
    assert "1001 different labels, expected at most 1000" in refusal(
        {"x": x, "y": np.arange(1_001)}
    )


@pytest.mark.parametrize(
    ("labels", "ranks", "classes"),
    [
        ([7, 3, 7, 10, 3, 3], [1, 0, 1, 2, 0, 0], ("3", "7", "10")),
        (["b", "a", "b", "c", "a", "a"], [1, 0, 1, 2, 0, 0], ("a", "b", "c")),
        (["9", "10", "9", "9", "9", "9"], [0, 1, 0, 0, 0, 0], ("9", "10")),
        ([[1], [0], [1], [0], [0], [0]], [1, 0, 1, 0, 0, 0], ("0", "1")),
        ([True, False] * 3, [1, 0] * 3, ("0", "1")),
    ],
)
def test_a_label_is_the_rank_of_its_class(labels, ranks, classes):
    read = read_arrays({"x": X, "y": np.array(labels)}, "x")
    assert (read.labels.tolist(), read.classes) == (ranks, classes)


def test_labels_of_parts_may_have_different_types_of_integers():
    arrays = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(np.uint64) + 1}
    assert read_arrays(arrays, "x").classes == ("0", "1", "2", "3")


def test_a_list_of_lists_is_an_array():
    assert read_arrays({"x": (X % 2 > 0).tolist()}, "x").n_levels == 2
    assert "x: not an array" in refusal({"x": [[1], [2, 3]]})


def test_more_images_than_memory_are_refused_with_the_size_before_any_is_made():
    x = np.broadcast_to(np.uint8(0), (10**8, 1_000, 1_000))
    message = refusal({"x": x})
    assert "100,000,000 images of 1 x 1000 x 1000 would need 600 TB of memory" in message
    assert "`resize`" in message
