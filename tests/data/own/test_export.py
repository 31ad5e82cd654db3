"""What is exported reads back as exactly the same images, in both formats, or is not there."""

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.core.errors import ConfigError, StorageError
from genbench.data import DataConfig, load
from genbench.data.own import export as module
from genbench.data.own.export import class_names, export
from genbench.data.own.images import Reading
from genbench.data.own.load import own_data
from genbench.data.own.read import read_images

FORMATS = ("npz", "folder")
NAMES = {"npz": "again.npz", "folder": "again"}


def drawn(n, shape, top=256, seed=0):
    return np.random.default_rng(seed).integers(0, top, (n, *shape), dtype=np.uint8)


SETS = {
    "undivided": {"x": drawn(20, (4, 3))},
    "labels": {"x": drawn(20, (4, 5)), "y": np.arange(20) % 12},
    "names": {"x": drawn(20, (4, 5)), "y": np.array(["cat", "dog", "a b", "ü"])[np.arange(20) % 4]},
    "names of parts": {"x": drawn(20, (4, 5)), "y": np.array(["test", "train"])[np.arange(20) % 2]},
    "no names of folders": {"x": drawn(20, (4, 5)), "y": np.array(["a/b", ".."] * 10)},
    "one case": {"x": drawn(20, (4, 5)), "y": np.array(["Cat", "cat"] * 10)},
    "train and test": {
        "x_train": drawn(12, (4, 5)), "y_train": np.arange(12) % 3,
        "x_test": drawn(5, (4, 5), seed=1), "y_test": np.arange(5) % 2,
    },
    "train and validation": {"x_train": drawn(12, (4, 5)), "x_validation": drawn(5, (4, 5), 9)},
    "three parts": {
        "x_train": drawn(12, (4, 5)), "x_validation": drawn(3, (4, 5), seed=1),
        "x_test": drawn(5, (4, 5), seed=2),
    },
    "rgb": {"x": drawn(20, (4, 5, 3))},
    "black and white": {"x": drawn(20, (4, 5), 2), "n_levels": 2},
    "rgb of two levels": {"x": drawn(20, (4, 5, 3), 2), "n_levels": 2},
    "17 levels": {"x": drawn(20, (4, 5), 17), "n_levels": 17},
    "few of many levels": {"x": drawn(20, (4, 5), 3), "n_levels": 200},
    "dark": {"x": drawn(20, (4, 5), 120), "n_levels": 200},
    "all black": {"x": drawn(20, (4, 5), 1), "n_levels": 9},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stored(tmp_path, arrays):
    np.savez(tmp_path / "shots.npz", **arrays)
    return DataConfig(path="shots.npz")


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("arrays", SETS.values(), ids=SETS.keys())
def test_own_images_keep_their_digest(tmp_path, arrays, to):
    config = stored(tmp_path, arrays)
    done = export(config, to, tmp_path / NAMES[to])
    again = own_data(DataConfig(path=done.path, levels=done.levels))
    before = own_data(config)
    assert again.digest == before.digest == done.digest
    assert (again.spec.n_levels, again.given) == (before.spec.n_levels, before.given)
    for one, other in zip(again.raw, before.raw, strict=True):
        assert np.array_equal(one, other)
    assert done.n_images == sum(len(x) for key, x in arrays.items() if key.startswith("x"))


def test_names_of_classes_are_kept_where_they_can_be():
    assert class_names(("9", "10", "b2", "b10")) == ("9", "10", "b2", "b10")
    for odd in (("a/b",), ("con:1",), (".hidden",), ("a ",), ("test", "x"), ("A", "a"), ("b", "a")):
        assert class_names(odd) == tuple(map(str, range(len(odd))))


def test_grey_levels_are_spread_so_that_they_can_be_seen(tmp_path):
    config = stored(tmp_path, {"x": drawn(20, (4, 5), 17), "n_levels": 17})
    done = export(config, "folder", tmp_path / "seen")
    assert done.levels == 17
    found = {v for path in done.path.glob("*.png") for v in np.asarray(Image.open(path)).ravel()}
    assert found == {round(255 * level / 16) for level in range(17)}


def test_black_and_white_images_need_nothing_stated(tmp_path):
    done = export(stored(tmp_path, {"x": drawn(20, (4, 5), 2), "n_levels": 2}), "folder")
    assert done.levels is None
    assert str(done.path) == "shots"
    assert read_images(done.path).n_levels == 2


def test_a_registered_set_has_one_digest_in_both_formats_and_keeps_its_splits(tmp_path):
    found = {to: export(DataConfig(name="digits"), to, tmp_path / NAMES[to]) for to in FORMATS}
    assert found["npz"].digest == found["folder"].digest
    assert (found["npz"].levels, found["folder"].levels) == (None, 17)
    registered = module.read_source(DataConfig(name="digits"))
    with np.load(found["npz"].path) as arrays:
        assert set(arrays) == {"x_train", "y_train", "x_test", "y_test", "n_levels"}
        assert arrays["n_levels"] == 17
        assert np.array_equal(arrays["x_test"], registered.raw.test_x)
        assert np.array_equal(arrays["x_train"], registered.raw.train_x)
        assert np.array_equal(arrays["y_train"].astype(int), registered.raw.train_y)
    own = read_images(found["folder"].path, Reading(levels=17))
    assert np.bincount(own.parts).tolist() == [0, 1297, 0, 500]
    assert len(list((found["folder"].path / "test" / "3").iterdir())) == 51


def test_an_exported_set_has_the_validation_images_of_the_registered_one(tmp_path):
    done = export(DataConfig(name="digits"), "npz", tmp_path / "again.npz")
    again = load(DataConfig(path=done.path, validation_size=200, seed=3))
    registered = load(DataConfig(name="digits", seed=3))
    assert torch.equal(again.held_out("validation").x, registered.held_out("validation").x)


@pytest.mark.parametrize("to", FORMATS)
def test_nothing_is_overwritten(tmp_path, to):
    path = tmp_path / NAMES[to]
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists and is not overwritten"):
        export(stored(tmp_path, SETS["labels"]), to, path)
    assert path.read_text() == "mine"


def test_an_npz_must_be_called_one(tmp_path):
    with pytest.raises(ConfigError, match=r"ends with \.npz"):
        export(stored(tmp_path, SETS["labels"]), "npz", tmp_path / "shots.zip")


@pytest.mark.parametrize("to", FORMATS)
def test_what_fails_half_way_leaves_nothing(tmp_path, monkeypatch, to):
    config = stored(tmp_path, SETS["labels"])
    before = set(tmp_path.rglob("*"))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(StorageError, match="No space left"):
        export(config, to, tmp_path / NAMES[to])
    assert set(tmp_path.rglob("*")) == before


def test_what_would_read_back_as_other_images_is_not_written(tmp_path, monkeypatch):
    config = stored(tmp_path, SETS["17 levels"])
    monkeypatch.setattr(module, "_shown", lambda content: np.zeros(17, np.uint8))
    with pytest.raises(StorageError, match="reads back as other images"):
        export(config, "folder", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_that_is_not_there_is_no_place_to_export_to(tmp_path):
    with pytest.raises(StorageError, match="cannot write"):
        export(stored(tmp_path, SETS["labels"]), "npz", tmp_path / "nowhere" / "shots.npz")
