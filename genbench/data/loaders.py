"""Loads a data set and serves it from one tensor on the device.

A batch is one gather, and noise is drawn on the data's device.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genbench.core.errors import require_known
from genbench.core.protocol import Protocol
from genbench.data.noise import fixed_blocks, fixed_view, present
from genbench.data.protocol import (
    SPLITS,
    DataConfig,
    SplitName,
    full_sizes,
    protocol_of,
    split_sizes,
)
from genbench.data.source import read_source
from genbench.data.specs import DatasetSpec, RawData


class Split(NamedTuple):
    """Data and labels: x (N, C, H, W) float32, y (N,) int64."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set on a device, under one protocol.

    Attributes:
        config: The configuration it was loaded with.
        name: Name in the registry.
        image_shape: (C, H, W).
        n_classes: Number of labels.
        n_levels: Number of values that a pixel can take before any noise.
        digest: SHA-256 of all pixels and labels as read, before any ``limit``.
        protocol: Data set, digest, view, seed and sizes.
        domain: ``binary`` if x is 0 or 1 only, ``grey_levels`` if it is level / (n_levels - 1),
            ``unit_interval`` if it is dequantised.
        levels: (N, C, H, W) uint8, the splits one after the other.
        labels: (N,) int64.
        sizes: Number of images in each split.
        classes: Names of the classes; none without labels.
    """

    config: DataConfig
    name: str
    image_shape: tuple[int, int, int]
    n_classes: int
    n_levels: int
    digest: str
    protocol: Protocol
    domain: Literal["binary", "grey_levels", "unit_interval"]
    levels: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    sizes: dict[SplitName, int] = field(repr=False)
    classes: tuple[str, ...] = field(default=(), repr=False)
    _views: dict[SplitName, Split] = field(default_factory=dict, init=False, repr=False)

    @property
    def natural_measure(self) -> Literal["mass", "density"]:
        """What a likelihood of such pixels is, where no model states it."""
        return "mass" if self.domain == "binary" else "density"

    def size(self, split: SplitName) -> int:
        """Return the number of images in ``split``."""
        return self.sizes[_known(split)]

    def held_out(self, split: SplitName) -> Split:
        """Return the fixed view of a whole split; its noise depends on ``config.seed`` only.

        It is made on the first call and cached: do not modify it in place. That of the training
        data has four times their size: it is cached only where batches are taken from it.
        """
        if _known(split) in self._views:
            return self._views[split]
        levels, y = self._part(split)
        view = Split(fixed_view(levels.cpu(), self.n_levels, self.config, split).to(y.device), y)
        if split != "train" or self._batches_are_fixed:
            self._views[split] = view
        return view

    def labels_of(self, split: SplitName) -> Tensor:
        """Return the labels of a split, (n,) int64."""
        return self._part(_known(split))[1]

    @property
    def _batches_are_fixed(self) -> bool:
        """Whether training sees noise that is drawn once."""
        return self.config.is_noisy and not self.config.is_redrawn

    @cached_property
    def mean_image(self) -> Tensor:
        """The mean of the fixed view of the training data, (C, H, W), on the CPU."""
        levels = self._part("train")[0].cpu()
        blocks = fixed_blocks(levels, self.n_levels, self.config, "train")
        total = sum(block.sum(dim=0, dtype=torch.float64) for block in blocks)
        return torch.as_tensor(total / len(levels), dtype=torch.float32)

    def on(self, device: torch.device) -> "Dataset":
        """Return the data set on another device; itself if it is there."""
        levels, labels = self.levels.to(device), self.labels.to(device)
        return self if levels is self.levels else replace(self, levels=levels, labels=labels)

    def train_batch(self, indices: Tensor) -> Split:
        """Return the training data at ``indices``, with fresh noise if the view has any.

        Noise comes from torch's global generator on the data's device. Nothing synchronises if
        ``indices`` are on that device.

        Args:
            indices: (B,) int64, 0 to ``size("train") - 1``.

        Returns:
            x (B, C, H, W) and y (B,).
        """
        indices = indices.to(self.labels.device, non_blocking=True)
        if self._batches_are_fixed:
            return Split(*(part.index_select(0, indices) for part in self.held_out("train")))
        levels, y = (part.index_select(0, indices) for part in self._part("train"))
        drawn = self.config.is_redrawn
        noise = torch.rand(levels.shape, device=levels.device) if drawn else None
        return Split(present(levels, self.n_levels, self.config, noise), y)

    def _part(self, split: SplitName) -> tuple[Tensor, Tensor]:
        start = sum(self.sizes[before] for before in SPLITS[: SPLITS.index(split)])
        stop = start + self.sizes[split]
        return self.levels[start:stop], self.labels[start:stop]


def _known(split: SplitName) -> SplitName:
    require_known(split, SPLITS, "unknown split")
    return split


def load(
    config: DataConfig, data_dir: Path | None = None, device: torch.device | str = "cpu"
) -> Dataset:
    """Read a data set, check it, and put it on ``device``; download what is missing.

    Views of own images that are loaded one after the other read them once.

    Args:
        config: Which data set and which view.
        data_dir: Data directory; see :func:`genbench.data.data_home` for the default.
        device: Device for the data.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit own images.
        DataError: A file is damaged or cannot be read, or is missing and cannot be downloaded.
        StorageError: A download cannot be stored.
    """
    found = read_source(config, data_dir)
    spec, raw, digest = found.spec, found.raw, found.digest
    levels, labels = _limited(raw, config, spec)
    return Dataset(
        config=config,
        name=spec.name,
        image_shape=spec.image_shape,
        n_classes=spec.n_classes,
        n_levels=spec.n_levels,
        digest=digest,
        protocol=protocol_of(config, spec, digest),
        domain=config.domain,
        levels=levels.to(device),
        labels=labels.to(device),
        sizes=dict(zip(SPLITS, split_sizes(config, spec), strict=True)),
        classes=found.classes,
    )


def _limited(raw: RawData, config: DataConfig, spec: DatasetSpec) -> tuple[Tensor, Tensor]:
    """Return the levels and labels of train, validation and test, each cut to ``limit``."""
    cut, limit = full_sizes(config, spec)[0], config.limit
    x, y = (
        np.concatenate([part[:limit] for part in (train[:cut], train[cut:], test)])
        for train, test in ((raw.train_x, raw.test_x), (raw.train_y, raw.test_y))
    )
    levels = torch.from_numpy(x.reshape(len(x), *spec.image_shape))
    return levels, torch.from_numpy(y.astype(np.int64))
