"""The recipe of ``[[samples]]``: images that somebody made, in the place of a model."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.data.archives.digest import digest_of
from genbench.data.archives.flags import Pixels, in_8_bits
from genbench.data.archives.read import Shape, read_archive
from genbench.data.archives.scale import scale_of
from genbench.data.own.names import place_of
from genbench.models.controls import FixedImages
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig

ARCHIVE = "archive"
"""Name of the recipe."""


class ArchiveOptions(Options):
    """Where the images are, and what they are known by.

    Attributes:
        path: A folder of images, or an ``.npz``, ``.npy`` or ``.parquet`` file, relative to the
            suite file.
        sha256: Digest of what lies there, which is found out unless stated.
        n_images: So many at most, evenly spread over all.
    """

    path: Path | None = Field(default=None, exclude=True)
    sha256: str = ""
    n_images: PositiveInt = 10_000

    @model_validator(mode="before")
    @classmethod
    def _known(cls, stated: Any) -> Any:
        if not isinstance(stated, Mapping) or not isinstance(stated.get("path"), str | Path):
            return stated
        path = place_of(stated["path"])
        return {**stated, "path": path, "sha256": stated.get("sha256") or digest_of(path)}


@recipe("archive", seedless=True)
def archive(data: DataFacts, options: ArchiveOptions, train: TrainConfig) -> Built:
    """Images that somebody made, from a file or folder: drawn in random order, each once."""
    model = FixedImages(options.n_images, data.image_shape)
    if options.path is not None:
        _pixels(options.path, options.sha256, data.image_shape, data.n_levels)  # fails early

    def fit(x: Tensor) -> None:
        if options.path is None:
            raise ConfigError("path: must be stated")
        known = _pixels(options.path, options.sha256, data.image_shape, data.n_levels)
        model.fit(torch.from_numpy(known).to(x.device) / 255)

    return Built(model, closed_form=fit)


@lru_cache(maxsize=2)
def _pixels(path: Path, sha256: str, shape: Shape, n_levels: int) -> Pixels:
    """Return what an archive of a known digest holds, in 8 bits."""
    found = read_archive(path, shape)
    return in_8_bits(scale_of(found, n_levels).intensities(found.values))
