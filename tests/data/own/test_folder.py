"""What folders mean, and what in them is refused, skipped or noted."""

import os
from pathlib import Path

import numpy as np
import pytest

from genbench.core.errors import DataError
from genbench.data.own.images import Reading
from genbench.data.own.read import read_images
from tests.data.own.conftest import encoded

GREY = encoded(np.arange(20, dtype=np.uint8).reshape(1, 4, 5))


def make(folder: Path, *paths: str, content: bytes = GREY) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def refusal(folder, reading=None):
    with pytest.raises(DataError) as caught:
        read_images(folder, reading or Reading())
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(folder.name).lstrip("/: ")


@pytest.mark.parametrize(
    ("paths", "parts", "classes"),
    [
        (["a.png", "b.png"], [0, 0], ()),
        (["9/a.png", "10/a.png"], [0, 0], ("9", "10")),
        (["dog/a.png", "cat/a.png"], [0, 0], ("cat", "dog")),
        (["train/a.png", "test/a.png"], [1, 3], ()),
        (["train/a/1.png", "test/b/1.png", "val/a/1.png"], [1, 2, 3], ("a", "b")),
        (["Train/a.png", "TEST/a.png", "valid/a.png"], [1, 2, 3], ()),
        (["train/a/1.png", "train/b/1.png"], [0, 0], ("a", "b")),
        (["train/a.png", "validation/a.png"], [1, 2], ()),
    ],
)
def test_folders_say_parts_and_classes(paths, parts, classes, tmp_path):
    images = read_images(make(tmp_path, *paths))
    assert images.parts.tolist() == parts
    assert images.classes == classes
    assert set(images.files) == set(paths)


def test_images_are_in_natural_order(tmp_path):
    files = read_images(make(tmp_path, "10.png", "9.png", "a10.png", "a9.png")).files
    assert files == ("9.png", "10.png", "a9.png", "a10.png")


def test_other_files_are_skipped_and_counted(tmp_path):
    folder = make(tmp_path, "a/1.png", "a/note.txt", "a/Thumbs.db", ".git/x.png", "a/.1.png")
    notes = read_images(make(folder, "__MACOSX/a.png")).notes
    assert {"Skipped 3 hidden.", "Skipped 2 of other kinds."} <= set(notes)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], "holds no images"),
        (["note.txt"], "holds no images"),
        (["a/1.png", "b/note.txt"], "b: holds no images"),
        (["train/a.png", "test/note.txt"], "test: holds no images"),
        (["test/a.png"], "has no part `train`"),
        (["train/a.png", "val/a.png", "valid/a.png"], "has a part twice"),
        (["train/a.png", "Train/a.png"], "has a part twice"),
        (["train/a.png", "test/a/1.png"], "has parts with folders of classes and parts without"),
        (["train/a.png", "bus/a.png"], "bus: lies beside the part train"),
        (["train/a.png", "a.png"], "a.png: lies beside the part train"),
        (["a/1.png", "1.png"], "1.png: lies beside the folder a"),
        (["train/a/b/1.png"], "train/a/b: too deep"),
        (["a/b/1.png"], "a/b: too deep"),
        (["a\x1b[31m/1.png"], r"a\x1b[31m': the name can't be printed"),
        (["a\n.png"], r"a\n.png': the name can't be printed"),
        (["a\u2028.png"], r"a\u2028.png': the name can't be printed"),
        ([f"{'a' * 101}/1.png"], "expected 1 to 100 letters"),
        ([" /1.png"], "expected 1 to 100 letters"),
    ],
)
def test_a_folder_that_can_be_read_in_two_ways_is_refused(paths, said, tmp_path):
    assert said in refusal(make(tmp_path, *paths))


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb") as file:
        file.write(GREY)
    assert r"\udcff.png': the name can't be printed" in refusal(tmp_path)


def test_unusual_letters_are_no_reason_to_refuse(tmp_path):
    names = ["Grüße 猫/bild\u202f1.png", "👩\u200d🔬/1.png"]
    assert len(read_images(make(tmp_path, *names)).classes) == 2


@pytest.mark.parametrize("inner", ["", "cat/"])
@pytest.mark.parametrize("target", ["secret.png", "secrets"])
def test_a_link_out_of_the_folder_is_refused(target, inner, tmp_path):
    make(tmp_path, "secret.png", "secrets/1.png", "set/cat/1.png")
    link = tmp_path / "set" / f"{inner}a.png"
    link.symlink_to(tmp_path / target)
    assert f"{inner}a.png: a link out of the folder" in refusal(tmp_path / "set")


def test_a_link_inside_the_folder_is_followed_and_one_to_nowhere_refused(tmp_path):
    make(tmp_path, "a/1.png")
    (tmp_path / "b").symlink_to("a")
    assert read_images(tmp_path).classes == ("a", "b")
    (tmp_path / "a" / "2.png").symlink_to("nowhere.png")
    assert "a/2.png: neither a file nor a folder, or a broken link" in refusal(tmp_path)
    (tmp_path / "a" / "2.png").unlink()
    (tmp_path / "a" / "2").symlink_to("../a")
    assert "a/2: too deep" in refusal(tmp_path)


def test_a_pipe_is_not_read(tmp_path):
    make(tmp_path, "1.png")
    os.mkfifo(tmp_path / "2.png")
    assert "2.png: neither a file nor a folder" in refusal(tmp_path)


def test_a_file_with_the_name_of_an_image_must_be_one(tmp_path):
    make(tmp_path, "a/1.png")
    make(tmp_path, "a/2.png", content=b"not an image")
    assert refusal(tmp_path).startswith("a/2.png: is no image, or none of PNG")
    make(tmp_path, "a/2.png", content=GREY[:50])
    assert refusal(tmp_path).startswith("a/2.png: can't be read as an image")
    make(tmp_path, "a/2.png", content=b"")
    assert refusal(tmp_path).startswith("a/2.png: is no image")


def test_a_file_larger_than_any_image_is_not_read(tmp_path):
    make(tmp_path, "a.png")
    os.truncate(tmp_path / "a.png", 2**28 + 1)
    assert "a.png: has 268,435,457 bytes, expected at most 268,435,456" in refusal(tmp_path)


def test_images_of_different_sizes_need_resize(tmp_path):
    make(tmp_path, "a.png")
    make(tmp_path, "b.png", content=encoded(np.zeros((1, 6, 5), np.uint8)))
    message = refusal(tmp_path)
    for said in ("/a.png has 4 x 5", "/b.png has 6 x 5", "`resize = [4, 5]`"):
        assert said in message
    assert read_images(tmp_path, Reading(resize=(4, 5))).levels.shape == (2, 1, 4, 5)


def test_a_layout_is_refused_rather_than_ignored(tmp_path):
    assert "`layout` is for arrays" in refusal(make(tmp_path, "a.png"), Reading(layout="NCHW"))


@pytest.mark.parametrize("order", ["grey first", "colour first"])
def test_grey_beside_coloured_images_is_repeated(order, tmp_path):
    grey, colour = np.full((1, 4, 4), 9, np.uint8), np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    first, second = (grey, colour) if order == "grey first" else (colour, grey)
    make(tmp_path, "a.png", content=encoded(first))
    make(tmp_path, "b.png", content=encoded(second))
    images = read_images(tmp_path)
    whole = [np.broadcast_to(image, (3, 4, 4)) for image in (first, second)]
    np.testing.assert_array_equal(images.levels, whole)
    assert "1 of 2 images: grey, repeated in three channels." in images.notes


def test_one_bit_images_have_two_levels_unless_others_lie_beside(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (4, 5)).astype(bool)
    make(tmp_path, "a.png", content=encoded(bits[None]))
    images = read_images(tmp_path)
    assert images.n_levels == 2
    np.testing.assert_array_equal(images.levels[0, 0], bits)
    images = read_images(make(tmp_path, "b.png"))
    assert images.n_levels == 256
    np.testing.assert_array_equal(images.levels[0, 0], bits * 255)


def test_a_large_set_is_refused_after_its_first_image(tmp_path, monkeypatch):
    make(tmp_path, "a.png", "b.png")
    monkeypatch.setattr("genbench.core.memory.available_bytes", lambda: 239)
    message = refusal(tmp_path)
    assert (
        "2 images of 1 x 4 x 5 would need 240 bytes of memory, 239 bytes are available" in message
    )


def test_reading_writes_nothing(tmp_path):
    make(tmp_path, *(f"{i}.png" for i in range(50)))
    before = sorted(tmp_path.rglob("*"))
    read_images(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
