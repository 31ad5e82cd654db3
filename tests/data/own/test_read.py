"""The same images give the same levels, whatever holds them."""

import numpy as np
import pytest
from PIL import Image

from genbench.data.own import read_images


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 6, 5), dtype=np.uint8)


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW"])
def test_an_npz_gives_its_images_in_any_layout(images, layout, tmp_path):
    held = {"NHW": images, "NHWC": images[..., None], "NCHW": images[:, None]}[layout]
    np.savez(tmp_path / "x.npz", x_train=held[:8], y_train=np.arange(8), x_test=held[8:],
             y_test=np.arange(4))  # fmt: skip
    read = read_images(tmp_path / "x.npz")
    np.testing.assert_array_equal(read.levels[:, 0], images)
    assert read.parts.tolist() == [1] * 8 + [3] * 4


def test_a_folder_gives_its_images_and_classes(images, tmp_path):
    for i, image in enumerate(images):
        file = tmp_path / str(i % 3) / f"{i:02}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(file)
    read = read_images(tmp_path)
    order = np.argsort(np.arange(12) % 3, kind="stable")
    np.testing.assert_array_equal(read.levels[:, 0], images[order])
    assert read.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert read.classes == ("0", "1", "2")
