"""Loads a data set and serves it from one tensor on the device.

A batch is one gather, and noise is drawn on the data's device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genbench.core.errors import ConfigError, require_known
from genbench.core.protocol import SPLITS, Protocol, SplitName
from genbench.data.noise import fixed_blocks, fixed_view, present
from genbench.data.protocol import DataConfig, protocol_of, split_sizes
from genbench.data.source import read_source
from genbench.data.specs import DatasetSpec, SourceData
from genbench.data.splits import Parts, parts_of


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

        That of the training data is large and made on each call. The others are made on the first
        call and kept: do not modify them in place.

        Raises:
            ConfigError: The data were loaded without test images, and ``split`` is ``test``.
        """
        if _known(split) == "train":
            return self._view(split)
        if split not in self._views:
            self._views[split] = self._view(split)
        return self._views[split]

    def labels_of(self, split: SplitName) -> Tensor:
        """Return the labels of a split, (N,)."""
        return self._part(split)[1]

    def blocks(self, split: SplitName) -> Iterator[Tensor]:
        """Yield the images of :meth:`held_out` in blocks of up to 1,000, on the data's device."""
        return (block.to(self.levels.device) for block in self._blocks(split))

    @cached_property
    def mean_image(self) -> Tensor:
        """The mean of the training images of :meth:`held_out`, (C, H, W) on the CPU."""
        total = torch.zeros(self.image_shape, dtype=torch.float64)
        for block in self._blocks("train"):
            total += block.sum(dim=0, dtype=torch.float64)
        return (total / self.size("train")).float()

    @cached_property
    def unprocessed(self) -> "Dataset":
        """The same images as level / (n_levels - 1), neither binarised nor dequantised."""
        seed = f"seed={self.config.seed}"
        if self.domain == "grey_levels":
            return self
        rest = self.protocol.options.removeprefix(seed).removeprefix(", ")
        pixels = "grey" if self.image_shape[0] == 1 else "levels"
        protocol = replace(self.protocol, pixels=pixels, options=rest)
        return replace(self, config=self.config.images, protocol=protocol, domain="grey_levels")

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
        levels, y = self._part("train")
        y = y.index_select(0, indices)
        if self.config.binarisation == "static":
            return Split(self._drawn_once.index_select(0, indices).float(), y)
        levels = levels.index_select(0, indices)
        redrawn = self.config.is_redrawn
        noise = torch.rand(levels.shape, device=levels.device) if redrawn else None
        return Split(present(levels, self.n_levels, self.config, noise), y)

    @cached_property
    def _drawn_once(self) -> Tensor:
        """Training pixels that were binarised once, a byte each."""
        levels, _ = self._part("train")
        drawn = fixed_view(levels, self.n_levels, self.config, "train", torch.uint8)
        return drawn.to(levels.device)

    def _blocks(self, split: SplitName) -> Iterator[Tensor]:
        return fixed_blocks(self._part(split)[0], self.n_levels, self.config, split)

    def _view(self, split: SplitName) -> Split:
        levels, y = self._part(split)
        x = fixed_view(levels, self.n_levels, self.config, split)
        return Split(x.to(levels.device), y)

    def _part(self, split: SplitName) -> tuple[Tensor, Tensor]:
        if split == "test" and not self.size(split):
            raise ConfigError(
                f"split: '{self.name}' was loaded without its test images, because nothing may be "
                "chosen by them; use validation"
            )
        start = sum(self.sizes[before] for before in SPLITS[: SPLITS.index(split)])
        stop = start + self.sizes[split]
        return self.levels[start:stop], self.labels[start:stop]


def _known(split: SplitName) -> SplitName:
    require_known(split, SPLITS, "unknown split")
    return split


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a data set that was read and divided, which all its views share.

    Attributes:
        spec: What is known of the data set.
        digest: SHA-256 of all pixels and labels as read.
        levels: (N, C, H, W) uint8, the splits one after the other.
        labels: (N,) int64.
        classes: Names of the classes; none without labels.
    """

    spec: DatasetSpec
    digest: str
    levels: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)
    _views: dict[DataConfig, Dataset] = field(default_factory=dict, init=False, repr=False)

    def under(self, config: DataConfig) -> Dataset:
        """Return a view of the images, which were read as ``config`` asks.

        It is the same object each time, and all views have the same :attr:`Dataset.unprocessed`.
        """
        if config not in self._views:
            self._views[config] = view = self._under(config)
            if config != config.images:
                vars(view)["unprocessed"] = self.under(config.images)  # in place of its own
        return self._views[config]

    def _under(self, config: DataConfig) -> Dataset:
        spec = self.spec
        return Dataset(
            config=config,
            name=spec.name,
            image_shape=spec.image_shape,
            n_classes=spec.n_classes,
            n_levels=spec.n_levels,
            digest=self.digest,
            protocol=protocol_of(config, spec, self.digest),
            domain=config.domain,
            levels=self.levels,
            labels=self.labels,
            sizes=dict(zip(SPLITS, split_sizes(config, spec), strict=True)),
            classes=self.classes,
        )


def load(
    config: DataConfig,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    *,
    with_test: bool = True,
) -> Dataset:
    """Read a data set, check it, and put it on ``device``; download what is missing.

    Views of own images that are loaded one after the other read them once.

    Args:
        config: Which data set and which view.
        data_dir: Data directory; see :func:`genbench.data.data_home` for the default.
        device: Device for the data.
        with_test: Whether to read the test set. Without it, training and validation data are the
            same, no file of test images is opened, and whatever asks for them fails.

    Raises:
        ConfigError: ``split`` or ``validation_size`` do not fit own images.
        DataError: A file is damaged or cannot be read, or is missing and cannot be downloaded.
        StorageError: A download cannot be stored.
    """
    return load_images(config, data_dir, device, with_test=with_test).under(config)


def load_images(
    config: DataConfig,
    data_dir: Path | None = None,
    device: torch.device | str = "cpu",
    *,
    with_test: bool = True,
) -> Images:
    """Read the images of a data set, for several views of them; otherwise as :func:`load`."""
    found = read_source(config, data_dir, with_test=with_test)
    levels, labels = _divided(found, parts_of(config, found))
    return Images(found.spec, found.digest, levels.to(device), labels.to(device), found.classes)


def _divided(found: SourceData, parts: Parts) -> tuple[Tensor, Tensor]:
    """Return the levels and labels of train, validation and test, one after the other."""
    raw, shape = found.raw, found.spec.image_shape
    levels = np.empty((sum(map(len, parts)), *shape), dtype=np.uint8)
    places = np.split(levels, np.cumsum([len(indices) for indices in parts[:-1]]))
    files = (raw.train_x, raw.train_x, raw.test_x)
    for x, indices, place in zip(files, parts, places, strict=True):
        np.take(x.reshape(len(x), *shape), indices, axis=0, out=place, mode="clip")
    labels = [raw.train_y[parts.train], raw.train_y[parts.validation], raw.test_y[parts.test]]
    return torch.from_numpy(levels), torch.from_numpy(np.concatenate(labels).astype(np.int64))
