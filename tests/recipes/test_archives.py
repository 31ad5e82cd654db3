"""Images that somebody made are a model whose identity is what they are, not where they lie."""

import numpy as np
import pytest
import torch

from genbench.core.errors import ConfigError, DataError
from genbench.recipes import DataFacts, recipes
from genbench.recipes.archives import ArchiveOptions
from genbench.training.config import TrainConfig

SHAPE = (1, 4, 4)
IMAGES = np.random.default_rng(0).integers(0, 256, (30, *SHAPE), dtype=np.uint8)


def built(options, n_levels=256):
    facts = DataFacts(SHAPE, 10, torch.zeros(SHAPE), n_levels=n_levels)
    made = recipes["archive"].build(facts, options, TrainConfig())
    made.closed_form(torch.zeros(5, *SHAPE))
    return made.model


def test_each_image_is_drawn_once(tmp_path):
    np.savez(tmp_path / "x.npz", samples=IMAGES)
    drawn = built(ArchiveOptions(path=tmp_path / "x.npz")).sample(30)
    assert sorted(map(bytes, (255 * drawn).round().byte().numpy())) == sorted(map(bytes, IMAGES))


def test_levels_of_the_data_are_read_as_such(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES // 16)
    drawn = built(ArchiveOptions(path=tmp_path / "x.npy"), n_levels=16).sample(30)
    assert drawn.max() == 1


def test_the_identity_is_the_content_and_not_the_place(tmp_path):
    for name in ("x.npy", "y.npy"):
        np.save(tmp_path / name, IMAGES)
    np.save(tmp_path / "z.npy", 255 - IMAGES)
    x, y, z = (
        ArchiveOptions(path=tmp_path / name).canonical() for name in ("x.npy", "y.npy", "z.npy")
    )
    assert x == y != z
    assert "path" not in x


def test_what_cannot_be_read_is_found_when_the_model_is_built(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES[..., :3])
    with pytest.raises(DataError, match="does not fit the data"):
        built(ArchiveOptions(path=tmp_path / "x.npy"))
    with pytest.raises(DataError, match="no such file"):
        ArchiveOptions(path=tmp_path / "missing.npy")
    with pytest.raises(ConfigError, match="path: must be stated"):
        built(ArchiveOptions())
