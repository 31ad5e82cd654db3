"""Densities of independent pixels: the simplest exact p(x)."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent

from genbench.core.tensors import independent_normal, joined, sum_in_float64
from genbench.distributions.discretised import LevelTable
from genbench.distributions.latent import HALF_LOG_2PI
from genbench.models.fitted import FittedModule

_ROWS = 256  # images whose levels are looked up at once


def floor_caution(scale: Tensor, floor: float, slack: float = 1e-6) -> str:
    """Say how many pixels' scales are at their floor, and how much that adds to the density.

    Args:
        scale: Of each pixel.
        floor: The smallest scale allowed.
        slack: By how much, relative to the floor, a scale may exceed it and still count.
    """
    n = int((scale <= floor * (1 + slack)).sum())
    if not n:
        return ""
    nats = -math.log(floor) - HALF_LOG_2PI
    return (
        f"{n} of {scale.numel()} pixels (nearly) never change in the training images: the smallest"
        f" scale allowed, {floor:.2g}, sets their density, about {nats:.1f} nats each"
    )


class _IndependentPixels(FittedModule, ABC):
    """p(x) = prod_i p(x_i) around the mean of each pixel, fitted to data."""

    def __init__(self, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.full(tuple(image_shape), 0.5, dtype=torch.float64))

    @abstractmethod
    def distribution(self) -> Distribution:
        """Return p(x): batch (), event (C, H, W)."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats, float64."""
        return self.distribution().log_prob(x.reshape(len(x), *self.mean.shape).double())

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x); Gaussian ones are not clipped to (0, 1)."""
        return self.distribution().sample(torch.Size((n,)))


class IndependentBernoulli(_IndependentPixels):
    """p(x) = prod_i Bernoulli(x_i; p_i), a mass over binary images.

    p_i = (number of ones + 1) / (number of data + 2): the posterior mean under a flat prior, so
    no pixel value is impossible.
    """

    is_mass: ClassVar[bool] = True

    def fit(self, x: Tensor) -> None:
        """Set the probability of each pixel from binary images x (N, C, H, W)."""
        self.put(mean=(sum_in_float64(x) + 1) / (len(x) + 2))

    def distribution(self) -> Distribution:
        """Return p(x): batch (), event (C, H, W)."""
        bernoulli = Bernoulli(logits=self.mean.logit(), validate_args=False)
        return Independent(bernoulli, self.mean.ndim, validate_args=False)


class IndependentGaussian(_IndependentPixels):
    """p(x) = prod_i N(x_i; m_i, s_i^2), a density of grey images, by maximum likelihood.

    No s_i is below ``min_scale``: otherwise a pixel that is constant in the training data would
    have an unbounded density there and zero density at any other value.
    """

    def __init__(self, image_shape: Sequence[int], min_scale: float = 0.003) -> None:
        super().__init__(image_shape)
        self.min_scale = min_scale
        self.scale = nn.Buffer(torch.full_like(self.mean, max(0.3, min_scale)))

    def fit(self, x: Tensor) -> None:
        """Set mean and scale of each pixel from images x (N, C, H, W)."""
        mean = sum_in_float64(x) / len(x)
        parts = torch.split(x, _ROWS)
        squares = joined(((part - mean).square().sum(0, True) for part in parts), len(parts))
        scale = (squares.sum(dim=0) / len(x)).sqrt()
        self.put(mean=mean, scale=scale.clamp(min=self.min_scale))

    def caution(self) -> str:
        """Say how many pixels are at the smallest scale, which then sets the density."""
        return floor_caution(self.scale, self.min_scale)

    def distribution(self) -> Distribution:
        """Return p(x): batch (), event (C, H, W)."""
        return independent_normal(self.mean, self.scale, self.mean.ndim)


class IndependentCategorical(FittedModule):
    """p(x) = prod_i p_i(x_i) over grey levels, with a table for each pixel: a mass.

    p_i(l) = (number of data with level l at pixel i + 1) / (number of data + n_levels): the
    posterior mean under a flat prior, so no level is impossible. With two levels it is
    :class:`IndependentBernoulli`.
    """

    is_mass: ClassVar[bool] = True

    def __init__(self, image_shape: Sequence[int], n_levels: int = 256) -> None:
        super().__init__()
        self.image_shape, self.n_levels = tuple(image_shape), n_levels
        n_pixels = math.prod(image_shape)
        self.counts = nn.Buffer(torch.zeros(n_pixels, n_levels, dtype=torch.int32))

    def fit(self, x: Tensor) -> None:
        """Count the levels of each pixel in images x (N, C, H, W) with values in [0, 1]."""
        counts = torch.zeros_like(self.counts)
        for levels in map(self._levels, torch.split(x, _ROWS)):
            counts.scatter_add_(1, levels.T, torch.ones_like(levels.T, dtype=counts.dtype))
        self.put(counts=counts)

    def distribution(self) -> Distribution:
        """Return p(x): batch (), event (C, H, W)."""
        masses = self._probabilities().reshape(*self.image_shape, self.n_levels)
        return Independent(LevelTable(masses), len(self.image_shape), validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats, float64."""
        log_p = self._probabilities().log()
        parts = map(self._levels, torch.split(x, _ROWS))
        return torch.cat([log_p.gather(1, levels.T).sum(dim=0) for levels in parts])

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x)."""
        levels = self._probabilities().multinomial(n, replacement=True)  # (pixels, n)
        x = levels.T.to(torch.get_default_dtype()) / (self.n_levels - 1)
        return x.reshape(n, *self.image_shape)

    def _probabilities(self) -> Tensor:
        smoothed = self.counts.double() + 1
        return smoothed / smoothed.sum(dim=1, keepdim=True)

    def _levels(self, x: Tensor) -> Tensor:
        """Return the level of each pixel, (N, pixels) int64."""
        return (x.flatten(1) * (self.n_levels - 1)).round().long()
