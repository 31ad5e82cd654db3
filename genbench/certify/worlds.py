"""Small worlds: data of so few pixels that all their images can be listed, or lie on a grid.

Each comes with a tiny training set, drawn from a distribution that is known. A model is trained on
it as on any other data, and its claims of log p(x) are then summed over the whole world.
"""

import math
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NoReturn

import torch
from torch import Tensor

from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset
from genbench.data.loaders import Images
from genbench.data.specs import DatasetSpec
from genbench.distributions.observation import Domain

N_CLASSES, N_TEMPLATES = 2, 3
KEPT = 0.8
"""Probability that a pixel keeps the level of its template."""
SIZES = {"train": 500, "validation": 100, "test": 100}
SPREAD, STEP, REACH = 0.3, 0.2, 3.6
"""The grid of densities is 0.5 + SPREAD sinh(u), u from -REACH to REACH: it ends at -5 and 6,
and its points lie 0.06 to 0.12 apart where data are."""
BOUNDED_STEP, BOUNDED_REACH = 0.2, 14.0
"""That of densities with bounds is uniform in the logit of the place between them."""
BOUNDED_NOISE = 32
"""Points of noise for these: they may fall so steeply to the bounds that few would miss it."""
N_NOISE = 4
"""Points on each side of the square of noise that is added to a level."""


@dataclass(frozen=True, eq=False)
class World:
    """All images of a few pixels: every combination of the values on ``axis``.

    Attributes:
        title: For people: ``3x3 binary``.
        dataset: The tiny data set to train on.
        axis: The values that each pixel takes, (n,).
        log_volume: Log of the length of the axis that each value stands for, (n,); 0 for levels.
        n_noise: How many values stand for one level with noise; 1 without noise.
    """

    title: str
    dataset: Dataset
    axis: Tensor = field(repr=False)
    log_volume: Tensor = field(repr=False)
    n_noise: int = 1

    @property
    def is_grid(self) -> bool:
        """Whether sums over it are integrals by quadrature."""
        return bool(self.log_volume.any())

    @property
    def inside(self) -> Tensor:
        """Which values of the axis lie where data are, (n,) bool."""
        return (self.axis >= 0) & (self.axis <= 1)

    @property
    def index(self) -> Tensor:
        """For each image the places of its pixels on the axis, (N, D)."""
        places = torch.arange(len(self.axis))
        n_pixels = math.prod(self.dataset.image_shape)
        return torch.cartesian_prod(*[places] * n_pixels).reshape(-1, n_pixels)

    def within(self, low: float, high: float) -> "World":
        """Return the world for a density that is zero outside of an interval.

        The plane gets a grid of its own between the bounds, and levels with noise more points.
        """
        if not self.is_grid:
            n_levels, n_noise = len(self.axis) // self.n_noise, BOUNDED_NOISE
            axis, log_volume = _noisy(n_levels, n_noise)
            return replace(self, axis=axis, log_volume=log_volume, n_noise=n_noise)
        n = round(BOUNDED_REACH / BOUNDED_STEP)
        place = (BOUNDED_STEP * torch.arange(-n, n + 1).double()).sigmoid()
        log_volume = ((high - low) * BOUNDED_STEP * place * (1 - place)).log()
        return replace(self, axis=(low + (high - low) * place).float(), log_volume=log_volume)


@dataclass(frozen=True)
class Law:
    """The distribution that a tiny data set is drawn from: noisy templates, some for each label.

    Attributes:
        shape: Of an image, (C, H, W).
        n_levels: Values that a pixel can take.
    """

    shape: tuple[int, int, int]
    n_levels: int

    @property
    def levels(self) -> Tensor:
        """All images, (N, D) int64, the last pixel changing fastest."""
        n_pixels = math.prod(self.shape)
        return torch.cartesian_prod(*[torch.arange(self.n_levels)] * n_pixels)

    @property
    def joint(self) -> Tensor:
        """p(x, y) of all images and labels, (N, Y) float64."""
        n_pixels = math.prod(self.shape)
        size = (N_CLASSES, N_TEMPLATES, n_pixels)
        generator = Stream(0, ("templates",)).generator()
        templates = torch.randint(self.n_levels, size, generator=generator)
        same = (self.levels[:, None, None] == templates).double()  # (N, Y, T, D)
        lost = (1 - KEPT) / (self.n_levels - 1)
        return (same * KEPT + (1 - same) * lost).prod(dim=-1).mean(dim=-1) / N_CLASSES

    def drawn(self, stream: Stream) -> tuple[Tensor, Tensor]:
        """Draw all images of a data set, (N, C, H, W) uint8, and their labels, (N,)."""
        p, n = self.joint.flatten(), sum(SIZES.values())
        drawn = torch.multinomial(p, n, replacement=True, generator=stream.generator())
        images = self.levels[drawn // N_CLASSES].to(torch.uint8)
        return images.reshape(n, *self.shape), drawn % N_CLASSES


LAWS: dict[Domain, Law] = {
    "binary": Law((1, 3, 3), 2),
    "grey_levels": Law((1, 2, 2), 4),
    "unit_interval": Law((1, 1, 2), 4),
}
VIEWS: dict[Domain, dict[str, str]] = {
    "binary": {"binarisation": "threshold"},
    "grey_levels": {},
    "unit_interval": {"dequantisation": "uniform"},
}


def tiny_dataset(domain: Domain, seed: int = 0) -> Dataset:
    """Return a data set of 700 images drawn from the law of a domain, with their labels."""
    law, name = LAWS[domain], f"tiny_{domain}"
    levels, labels = law.drawn(Stream(seed, ("tiny", domain)))
    spec = DatasetSpec(
        name=name,
        title=name,
        description="Noisy templates",
        image_shape=law.shape,
        n_classes=N_CLASSES,
        n_levels=law.n_levels,
        n_train=SIZES["train"] + SIZES["validation"],
        n_test=SIZES["test"],
        default_validation_size=SIZES["validation"],
        read=_read_nothing,
        licence="",
        citation="",
        validation_is_given=True,
    )
    digest = f"{Stream(seed, (name,)).generator().initial_seed():064x}"
    config = DataConfig.read({"path": "unknown", "name": name} | VIEWS[domain], "data")
    return Images(spec, digest, levels, labels, ("0", "1")).under(config)


def _read_nothing(*_: object) -> NoReturn:
    raise NotImplementedError("a tiny data set is drawn, not read")


@cache
def worlds_of(domain: Domain, seed: int = 0) -> tuple[World, ...]:
    """Return the worlds in which a model of such data is summed, which share one data set.

    Levels have one. Densities have two: the plane for the density itself, and levels with noise for
    the code length that it stands for.
    """
    dataset, n = tiny_dataset(domain, seed), LAWS[domain].n_levels
    _, height, width = dataset.image_shape
    size = f"{height}x{width}"
    if domain != "unit_interval":
        title = f"{size} binary" if domain == "binary" else f"{size} with {n} levels"
        return (World(title, dataset, torch.arange(n) / (n - 1), torch.zeros(n).double()),)
    u = STEP * torch.arange(-round(REACH / STEP), round(REACH / STEP) + 1).double()
    axis, log_volume = 0.5 + SPREAD * u.sinh(), (STEP * SPREAD * u.cosh()).log()
    return (
        World(f"{size} density", dataset, axis.float(), log_volume),
        World(f"{size} with noise", dataset, *_noisy(n, N_NOISE), N_NOISE),
    )


def _noisy(n_levels: int, n_noise: int) -> tuple[Tensor, Tensor]:
    """Return so many points between each level and the next, and their log volumes."""
    n = n_levels * n_noise
    return (torch.arange(n) + 0.5) / n, torch.zeros(n).double()
