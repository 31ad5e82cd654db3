"""Samples in every format and layout are the same array; what can't be read is one sentence."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from genbench.core.errors import DataError
from genbench.data.archives.read import archive_of, read_archive
from genbench.data.archives.scale import scale_of

GREY, RGB = (1, 6, 5), (3, 6, 5)


def levels(shape, n=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)).save(file, "png")
    return file.getvalue()


def write_pngs(folder, images):
    folder.mkdir()
    for i, image in enumerate(images):
        (folder / f"{i}.png").write_bytes(png(image))
    return folder


def write_all(folder, x):
    """Write images in each format; return the paths."""
    layouts = {"nchw": x, "nhwc": np.moveaxis(x, 1, 3)}
    layouts |= {"nhw": x[:, 0]} if x.shape[1] == 1 else {}
    paths = [write_pngs(folder / "png", x)]
    for key, (layout, array) in zip(("arr_0", "samples", "images"), layouts.items(), strict=False):
        np.savez(folder / f"{layout}.npz", **{key: array})
        np.save(folder / f"{layout}.npy", array)
        paths += [folder / f"{layout}.npz", folder / f"{layout}.npy"]
    table = pa.table({"image": [{"bytes": png(image), "path": ""} for image in x]})
    pq.write_table(table, folder / "x.parquet")
    return [*paths, folder / "x.parquet"]


def read(path, shape, n_levels=256):
    archive = read_archive(path, shape)
    return scale_of(archive, n_levels).intensities(archive.values)


@pytest.mark.parametrize("shape", [GREY, RGB], ids=["grey", "rgb"])
def test_all_formats_and_layouts_give_bit_equal_intensities(shape, tmp_path):
    x = levels(shape)
    expected = x.astype(np.float32) / 255
    paths = write_all(tmp_path, x)
    assert len(paths) == {GREY: 8, RGB: 6}[shape]
    for path in paths:
        found = read(path, shape)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected, err_msg=path.name)


def test_ten_thousand_images_are_bit_equal_in_png_npz_and_parquet(tmp_path):
    x = levels((1, 8, 8), n=10_000)
    expected = x.astype(np.float32) / 255
    for path in write_all(tmp_path, x):
        np.testing.assert_array_equal(read(path, (1, 8, 8)), expected, err_msg=path.name)


def test_a_tensor_an_array_and_a_file_are_the_same(tmp_path):
    x = levels(GREY).astype(np.float32) / 255
    np.savez(tmp_path / "x.npz", samples=x)
    for values in (x, x[:, 0].tolist(), torch.from_numpy(x).numpy()):
        archive = archive_of(values, "images", GREY)
        np.testing.assert_array_equal(
            scale_of(archive, 256).intensities(archive.values), read(tmp_path / "x.npz", GREY)
        )


def test_the_one_array_of_an_npz_may_have_any_name(tmp_path):
    np.savez(tmp_path / "x.npz", mine=levels(GREY))
    assert len(read_archive(tmp_path / "x.npz", GREY).values) == 20


def test_labels_beside_samples_are_not_read(tmp_path):
    np.savez(tmp_path / "x.npz", arr_0=levels(GREY), arr_1=np.arange(20))
    archive = read_archive(tmp_path / "x.npz", GREY)
    assert "Not read: arr_1." in archive.notes


def test_the_order_of_files_is_that_of_their_numbers(tmp_path):
    x = levels(GREY, n=12)
    np.testing.assert_array_equal(read_archive(write_pngs(tmp_path / "x", x), GREY).values, x)


def refusal(path, shape=GREY):
    with pytest.raises(DataError) as caught:
        read_archive(path, shape)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 30), np.uint8), "is flat; say which pixels are neighbours with x.reshape"),
        (
            np.zeros((4, 5, 6), np.uint8),
            "expected (N, 6, 5, 1) or (N, 1, 6, 5)",
        ),
        (np.zeros((4, 6, 5, 4), np.uint8), "has 4 channels, expected (N, 6, 5, 1)"),
        (np.zeros((0, 6, 5), np.uint8), "has no images, its shape is (0, 6, 5)"),
        (np.zeros((4, 6, 5), complex), "expected uint8"),
        (np.array([["a"]]), "expected uint8"),
        (np.arange(360).reshape(4, 6, 5, 3), "images in colour, the data are grey"),
    ],
)
def test_arrays_that_are_no_samples_of_the_data_are_refused(array, said, tmp_path):
    np.save(tmp_path / "x.npy", array)
    assert said in refusal(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", samples=array)
    assert said in refusal(tmp_path / "x.npz")


def test_files_that_are_no_samples_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == "empty: holds no images, such as .png, .jpg, .jpeg"
    assert "no such file or folder" in refusal(tmp_path / "missing.npz")
    (tmp_path / "x.txt").write_text("no images")
    assert "expected a folder" in refusal(tmp_path / "x.txt")
    (tmp_path / "x.npz").write_text("no archive")
    assert "can't be read" in refusal(tmp_path / "x.npz")
    np.savez(tmp_path / "two.npz", samples=levels(GREY), images=levels(GREY))
    assert "holds samples, images; expected one of" in refusal(tmp_path / "two.npz")
    write_pngs(tmp_path / "large", levels((1, 7, 5)))
    assert "images of 7 x 5 pixels, the data have 6 x 5" in refusal(tmp_path / "large")


def test_no_pickle_is_loaded(tmp_path):
    objects = np.array([{"x": 1}], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "x.npz", samples=objects)
    for name in ("x.npy", "x.npz"):
        assert "holds Python objects, which are not read" in refusal(tmp_path / name)


def test_an_array_larger_than_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", samples=np.zeros((100_000, 6, 5), np.uint8))
    monkeypatch.setattr("genbench.core.memory.available_bytes", lambda: 2**20)
    assert "samples would need 15 MB of memory" in refusal(tmp_path / "x.npz")


def test_grey_in_three_equal_channels_is_flagged_and_read(tmp_path):
    x = levels(GREY)
    archive = read_archive(write_pngs(tmp_path / "x", np.repeat(x, 3, axis=1)), GREY)
    np.testing.assert_array_equal(archive.values, x)
    assert [flag.kind for flag in archive.flags] == ["channels"]
    colour = archive_of(x, "x", RGB)
    assert colour.values.shape == (20, *RGB)
    assert [flag.kind for flag in colour.flags] == ["channels"]
    assert archive_of(x, "x", GREY).flags == ()


def test_files_that_are_jpeg_are_flagged(tmp_path):
    write_pngs(tmp_path / "x", levels(GREY))
    assert read_archive(tmp_path / "x", GREY).flags == ()
    Image.fromarray(levels(GREY)[0, 0]).save(tmp_path / "x" / "20.jpg")
    (flag,) = read_archive(tmp_path / "x", GREY).flags
    assert flag.kind == "jpeg"
    assert flag.text.startswith("1 of 21 images: stored as JPEG")
