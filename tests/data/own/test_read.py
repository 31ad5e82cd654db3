"""The same images give the same levels, labels and parts, whatever holds them."""

import os
import warnings

import numpy as np
import pyarrow.parquet as pq
import pytest

from genbench.core.errors import DataError, ExitCode
from genbench.data.own.images import Reading
from genbench.data.own.read import read_images
from tests.data.own.conftest import rows


def hold(pictures, kind, folder):
    """Write the pictures in a format."""
    if kind == "folder":
        return pictures.write_folder(folder / "pictures")
    if kind == "shards":
        return pictures.write_shards(folder / "pictures")
    path = folder / "pictures.npz"
    np.savez(path, **pictures.arrays(kind))
    return path


@pytest.mark.parametrize("kind", ["folder", "shards", "NHW", "NHWC", "NCHW"])
def test_every_format_gives_the_same_images_labels_and_parts(pictures, kind, tmp_path):
    if kind == "NHW" and pictures.levels.shape[1] == 3:
        pytest.skip("colours have an axis of their own")
    images = read_images(hold(pictures, kind, tmp_path))
    assert rows(images) == rows(pictures)
    assert images.classes == ("0", "1", "2")
    assert images.n_levels == 256


def test_an_npy_and_one_parquet_file_are_undivided(pictures, tmp_path):
    np.save(tmp_path / "x.npy", pictures.levels)
    pq.write_table(pictures.table(1), tmp_path / "x.parquet")
    images = read_images(tmp_path / "x.npy")
    np.testing.assert_array_equal(images.levels, pictures.levels)
    assert (images.classes, set(images.parts.tolist())) == ((), {0})
    images = read_images(tmp_path / "x.parquet")
    np.testing.assert_array_equal(images.levels, pictures.levels[pictures.parts == 1])
    np.testing.assert_array_equal(images.labels, pictures.labels[pictures.parts == 1])
    assert set(images.parts.tolist()) == {0}


def test_columns_first_and_other_byte_orders_change_nothing(pictures, tmp_path):
    np.save(tmp_path / "f.npy", np.asfortranarray(pictures.levels))
    np.save(tmp_path / "b.npy", pictures.levels.astype(">u2"))
    for name in ("f.npy", "b.npy"):
        images = read_images(tmp_path / name, Reading(levels=256))
        np.testing.assert_array_equal(images.levels, pictures.levels)
        assert images.levels.flags.c_contiguous


def test_scaled_images_are_the_same_from_a_folder_and_from_arrays(pictures, tmp_path):
    reading = Reading(resize=(3, 4))
    folder, npz = (read_images(hold(pictures, k, tmp_path), reading) for k in ("folder", "NCHW"))
    assert folder.levels.shape[2:] == (3, 4)
    assert rows(folder) == rows(npz)
    assert any("bicubic with antialiasing" in note for note in folder.notes)
    assert any("bicubic with antialiasing" in note for note in npz.notes)


def test_scaling_is_antialiased(tmp_path):
    stripes = np.zeros((2, 64, 64), np.uint8)
    stripes[:, :, ::2] = 255
    np.save(tmp_path / "x.npy", stripes)
    images = read_images(tmp_path / "x.npy", Reading(resize=(8, 8)))
    assert abs(images.levels.astype(int) - 127).max() < 8


@pytest.mark.parametrize("name", ["nothing", "x.csv", "x.png", "fifo", "a\nb"])
def test_what_is_no_set_is_refused_by_its_name(name, tmp_path):
    if name == "fifo":
        os.mkfifo(tmp_path / name)
    elif "." in name:
        (tmp_path / name).write_bytes(b"1,2")
    with pytest.raises(DataError, match=r"nothing|x\.csv|x\.png|fifo|a\\nb") as caught:
        read_images(tmp_path / name)
    assert caught.value.exit_code == ExitCode.DATA
    assert str(caught.value).isprintable()


def test_no_warning_of_a_library_is_let_through(pictures, tmp_path):
    file = tmp_path / "x.npy"
    signalling = np.frombuffer(b"\x01\x00\xa0\x7f" * 60, "<f4").reshape(2, 6, 5)  # NaN
    np.save(file, signalling)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="NaN"):
            read_images(file, Reading(levels=256))
