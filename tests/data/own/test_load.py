"""Own images as a data set: what is known of them, and data sets that a plug-in registers."""

import gc
import weakref

import numpy as np
import pytest

from genbench.core.errors import ConfigError, DataError
from genbench.data import DataConfig, load
from genbench.data.own.load import own_data
from genbench.data.own.registry import dataset, own_datasets


@pytest.fixture
def registered():
    """Register data sets for one test: ``registered(name, function, **reading)``."""
    added = []

    def register(name, function, **reading):
        dataset(name, **reading)(function)
        added.append(name)

    yield register
    for name in added:
        own_datasets._entries.pop(name)


def drawn(n=30, shape=(4, 5), top=256):
    return np.random.default_rng(0).integers(0, top, (n, *shape), dtype=np.uint8)


def test_what_is_known_of_own_images_is_filled_in_after_reading(tmp_path):
    np.savez(tmp_path / "shots.npz", x=drawn(top=9), y=np.arange(30) % 7, n_levels=9)
    it = own_data(DataConfig(path=tmp_path / "shots.npz", name="my shots"))
    spec = it.spec
    assert (spec.name, spec.title) == ("my shots", "my shots")
    assert spec.description == "30 images, 1x4x5 with 9 levels, from shots.npz"
    assert (spec.image_shape, spec.n_classes, spec.n_levels) == ((1, 4, 5), 7, 9)
    assert (spec.n_train, spec.n_test, spec.default_validation_size) == (24, 6, 2)
    assert (spec.split, spec.view, it.given) == ("drawn(seed=0)", ("levels=9",), ())
    assert it.classes == tuple("0123456")
    assert sorted(it.places) == sorted(f"image {i}" for i in range(30))


def test_given_validation_images_are_the_last_of_the_training_set(tmp_path):
    train, validation, test = drawn(12), drawn(5, (4, 5), 9), drawn(4) // 2
    np.savez(tmp_path / "a.npz", x_train=train, x_validation=validation, x_test=test)
    config = DataConfig(path=tmp_path / "a.npz")
    data = load(config)
    assert [data.size(split) for split in ("train", "validation", "test")] == [12, 5, 4]
    found = (data.held_out("validation").x * 255).byte().numpy()
    assert {x.tobytes() for x in found} == {x.tobytes() for x in validation}
    assert " drawn" not in data.protocol.text
    with pytest.raises(ConfigError, match=r"a\.npz has a validation set of its own"):
        load(config.model_copy(update={"validation_size": 3}))


def test_a_registered_function_is_known_by_its_name_and_its_images_by_their_digest(
    tmp_path, registered
):
    calls = []
    registered("rings", lambda: calls.append(1) or {"x": drawn(top=9), "y": np.arange(30) % 2},
               levels=9)  # fmt: skip
    np.savez(tmp_path / "rings.npz", images=drawn(top=9)[..., None], labels=np.arange(30) % 2)
    by_name, by_path = DataConfig(name="rings"), DataConfig(path=tmp_path / "rings.npz", levels=9)
    assert by_name.is_own
    assert by_path.name == "own_rings"
    assert own_data(by_name).digest == own_data(by_path).digest
    assert by_name.canonical() == by_path.canonical()
    data = load(DataConfig(name="rings", binarisation="static", split={"seed": 4}))
    assert data.protocol.text == (
        f"rings@{data.digest[:8]}/static(seed=0, levels=9)/22+2+6 drawn(seed=4) validation(seed=0)"
    )
    load(DataConfig(name="rings", binarisation="threshold", split={"seed": 4}))
    assert len(calls) == 2  # once for each split


def test_a_registered_function_may_return_a_path(tmp_path, registered):
    np.save(tmp_path / "shots.npy", drawn())
    registered("shots", lambda: tmp_path / "shots.npy", resize=(2, 2))
    data = load(DataConfig(name="shots"))
    assert data.image_shape == (1, 2, 2)
    assert "grey(resize=2x2)" in data.protocol.text
    registered("none", lambda: tmp_path / "shotz.npy")
    with pytest.raises(DataError, match=r"did you mean 'shots\.npy'"):
        load(DataConfig(name="none"))


def test_a_changed_file_in_a_folder_is_read_again(tmp_path):
    from PIL import Image

    folder = tmp_path / "faces"
    folder.mkdir()
    for i, pixels in enumerate(drawn(10)):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    config = DataConfig(path=folder)
    before = own_data(config)
    assert own_data(config).raw is before.raw
    (folder / "3.png").unlink()
    after = own_data(config)
    assert after.digest != before.digest
    assert after.spec.n_train + after.spec.n_test == 9


def test_only_the_set_read_last_is_kept(tmp_path, registered):
    np.save(tmp_path / "a.npy", drawn())
    np.save(tmp_path / "b.npy", drawn(20))
    registered("rings", lambda: {"x": drawn(25)})
    kept = []
    for config in (
        DataConfig(path=tmp_path / "a.npy"),
        DataConfig(name="rings"),
        DataConfig(path=tmp_path / "b.npy"),
    ):
        raw = own_data(config).raw
        assert own_data(config).raw is raw
        kept.append(weakref.ref(raw.train_x))
        del raw
        gc.collect()
        assert [ref() is not None for ref in kept] == [False] * (len(kept) - 1) + [True]


def test_a_file_to_which_a_registered_function_leads_is_read_again_when_it_changes(
    tmp_path, registered
):
    np.save(tmp_path / "shots.npy", drawn())
    registered("shots", lambda: tmp_path / "shots.npy")
    before = own_data(DataConfig(name="shots"))
    assert own_data(DataConfig(name="shots")).raw is before.raw
    np.save(tmp_path / "shots.npy", drawn(31))
    assert own_data(DataConfig(name="shots")).digest != before.digest
