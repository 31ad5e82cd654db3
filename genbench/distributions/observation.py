"""Observation heads: decoder output -> p(x given z)."""

from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent
from torch.nn.functional import softplus

from genbench.core.tensors import independent_normal
from genbench.distributions.discretised import DiscretisedLogistic
from genbench.distributions.pixels import BernoulliPixels, GaussianPixels

Measure = Literal["mass", "density"]
Domain = Literal["binary", "grey_levels", "unit_interval"]


class ObservationHead(Protocol):
    """What a decoder needs to know about its observation model.

    Attributes:
        measure: Whether p is a mass or a density; the two are not comparable.
        domain: The data it accepts.
        n_per_pixel: Number of decoder outputs per pixel.
        name: The name of the observation model in tables.
    """

    measure: Measure
    domain: Domain
    n_per_pixel: int
    name: str

    def __call__(self, output: Tensor) -> Distribution:
        """Map decoder output (..., n_per_pixel * C, H, W) to p(x given z), event (C, H, W)."""

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the decoder output whose mean is ``mean_image`` (C, H, W)."""


class BernoulliHead(nn.Module):
    """p(x given z) = prod_i Bernoulli(x_i; sigmoid(logit_i)): a mass over binary images."""

    measure: Measure = "mass"
    domain: Domain = "binary"
    n_per_pixel = 1
    name = "Bernoulli"

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as logits."""
        return BernoulliPixels(output)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the logits of the mean image, clamped to [0.001, 0.999]."""
        return torch.logit(mean_image.clamp(1e-3, 1 - 1e-3))


class _GaussianHead(nn.Module):
    """A density of grey images; by default the output is the mean."""

    measure: Measure = "density"
    domain: Domain = "unit_interval"
    n_per_pixel = 1

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image itself."""
        return mean_image


class FixedGaussianHead(_GaussianHead):
    """p(x given z) = N(x; mean(z), scale^2 I) with a fixed scale.

    With ``scale = 1`` the negative log density is half the squared error plus (D/2) log 2 pi.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.name = "unit Gaussian" if scale == 1 else f"Gaussian, fixed scale {scale:g}"

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as the mean."""
        scale = torch.full((), self.scale, dtype=output.dtype, device=output.device)
        return GaussianPixels(output, scale)


class SharedGaussianHead(_GaussianHead):
    """p(x given z) = N(x; mean(z), scale^2 I) with one learned scale, as in probabilistic PCA."""

    name = "Gaussian, one learned scale"

    def __init__(self, initial_scale: float = 0.3) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(initial_scale).log())

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as the mean."""
        return GaussianPixels(output, self.log_scale.exp())


class PixelGaussianHead(_GaussianHead):
    """p(x given z) = N(x; mean(z), diag scale(z)^2), the scale of each pixel from the decoder.

    The scale has a floor: without one, the density of constant pixels is unbounded.
    """

    n_per_pixel = 2

    def __init__(self, min_scale: float = 0.01) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.name = f"Gaussian, learned scale per pixel (at least {min_scale:g})"

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as means, then raw scales along the channels."""
        mean, raw = output.chunk(2, dim=-3)
        return independent_normal(mean, softplus(raw) + self.min_scale, 3)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image with a raw scale of -1 (a scale of about 0.3)."""
        return torch.cat((mean_image, torch.full_like(mean_image, -1.0)))


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
        scale = "learned scale per pixel" if per_pixel else "one learned scale"
        self.name = f"discretised logistic, {n_levels} levels, {scale}"
        if not per_pixel:
            self.log_scale = nn.Parameter(torch.tensor(initial_scale).log())

    def forward(self, output: Tensor) -> Distribution:
        """Read the output as locations, then log scales along the channels if per pixel."""
        per_pixel = self.n_per_pixel == 2
        loc, log_scale = output.chunk(2, dim=-3) if per_pixel else (output, self.log_scale)
        pixels = DiscretisedLogistic(loc, log_scale.exp(), self.n_levels)
        return Independent(pixels, 3, validate_args=False)

    def start(self, mean_image: Tensor) -> Tensor:
        """Return the mean image, then the initial log scales if they are per pixel."""
        if self.n_per_pixel == 1:
            return mean_image
        log_scale = torch.full_like(mean_image, self.initial_scale).log()
        return torch.cat((mean_image, log_scale))
