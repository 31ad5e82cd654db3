"""Observation heads: decoder output -> p(x given z).

Each head states how many outputs per pixel it needs from the decoder, whether its log probability
is of a mass or a density (the two are not comparable), and which data it accepts.
"""

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.nn.functional import softplus

from genbench.distributions.discretised import discretised_image
from genbench.distributions.pixels import BernoulliPixels, GaussianPixels

Measure = Literal["mass", "density"]
Domain = Literal["binary", "grey_levels", "unit_interval"]


class ObservationHead(Protocol):
    """What a decoder needs to know about its observation model."""

    measure: Measure
    domain: Domain
    n_per_pixel: int

    def __call__(self, output: Tensor) -> Distribution:
        """Map decoder output (..., n_per_pixel * C, H, W) to p(x given z), event (C, H, W)."""

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the decoder output whose mean is ``mean_image`` (C, H, W)."""

    def describe(self) -> str:
        """Return the name of the observation model in tables."""


class BernoulliHead(nn.Module):
    """p(x given z) = prod_i Bernoulli(x_i; sigmoid(logit_i)): a mass over binary images."""

    measure: Measure = "mass"
    domain: Domain = "binary"
    n_per_pixel = 1

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as logits."""
        return BernoulliPixels(output)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the logits of the mean image, clamped to [0.001, 0.999]."""
        return torch.logit(mean_image.clamp(1e-3, 1 - 1e-3))

    def describe(self) -> str:
        """Return the name of the observation model in tables."""
        return "Bernoulli"


class FixedGaussianHead(nn.Module):
    """p(x given z) = N(x; mean(z), scale^2 I) with a fixed scale.

    With ``scale = 1`` the negative log density is half the squared error plus (D/2) log 2 pi.
    """

    measure: Measure = "density"
    domain: Domain = "unit_interval"
    n_per_pixel = 1

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as the mean."""
        scale = torch.full((), self.scale, dtype=output.dtype, device=output.device)
        return GaussianPixels(output, scale)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image itself."""
        return mean_image

    def describe(self) -> str:
        """Return the name of the observation model in tables."""
        return "unit Gaussian" if self.scale == 1 else f"Gaussian, fixed scale {self.scale:g}"


class SharedGaussianHead(nn.Module):
    """p(x given z) = N(x; mean(z), scale^2 I) with one learned scale, as in probabilistic PCA."""

    measure: Measure = "density"
    domain: Domain = "unit_interval"
    n_per_pixel = 1

    def __init__(self, initial_scale: float = 0.3) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(initial_scale).log())

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as the mean."""
        return GaussianPixels(output, self.log_scale.exp())

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image itself."""
        return mean_image

    def describe(self) -> str:
        """Return the name of the observation model in tables."""
        return "Gaussian, one learned scale"


class PixelGaussianHead(nn.Module):
    """p(x given z) = N(x; mean(z), diag scale(z)^2), the scale of each pixel from the decoder.

    The scale has a floor: without one, the density of constant pixels is unbounded.
    """

    measure: Measure = "density"
    domain: Domain = "unit_interval"
    n_per_pixel = 2

    def __init__(self, min_scale: float = 0.01) -> None:
        super().__init__()
        self.min_scale = min_scale

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as means, then raw scales along the channels."""
        mean, raw = output.chunk(2, dim=-3)
        normal = Normal(mean, softplus(raw) + self.min_scale, validate_args=False)
        return Independent(normal, 3, validate_args=False)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image with a raw scale of -1 (a scale of about 0.3)."""
        return torch.cat((mean_image, torch.full_like(mean_image, -1.0)))

    def describe(self) -> str:
        """Return the name of the observation model in tables."""
        return f"Gaussian, learned scale per pixel (at least {self.min_scale:g})"


class DiscretisedLogisticHead(nn.Module):
    """p(x given z) = prod_i P(x_i), logistic densities discretised to the grey levels: a mass.

    The scale is one learned number for all pixels, or one for each pixel and z from the decoder.
    """

    measure: Measure = "mass"
    domain: Domain = "grey_levels"

    def __init__(
        self, n_levels: int = 256, initial_scale: float = 0.1, per_pixel: bool = False
    ) -> None:
        super().__init__()
        self.n_levels, self.initial_scale = n_levels, initial_scale
        self.n_per_pixel = 2 if per_pixel else 1
        if not per_pixel:
            self.log_scale = nn.Parameter(torch.tensor(initial_scale).log())

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as locations, then log scales along the channels if per pixel."""
        if self.n_per_pixel == 1:
            return discretised_image(output, self.log_scale.exp(), self.n_levels)
        loc, log_scale = output.chunk(2, dim=-3)
        return discretised_image(loc, log_scale.exp(), self.n_levels)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image, then the initial log scales if they are per pixel."""
        if self.n_per_pixel == 1:
            return mean_image
        log_scale = torch.full_like(mean_image, self.initial_scale).log()
        return torch.cat((mean_image, log_scale))

    def describe(self) -> str:
        """Return the name of the observation model in tables."""
        scale = "one learned scale" if self.n_per_pixel == 1 else "learned scale per pixel"
        return f"discretised logistic, {self.n_levels} levels, {scale}"
