"""Fast densities of images with independent pixels.

Both define their own gradient, so automatic differentiation stores only the inputs. They work under
``torch.func``; a compiler gets the plain formula, which it fuses itself.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal
from torch.nn.functional import softplus

from genbench.core.devices import widest
from genbench.distributions.own_gradient import OwnGradient, applied

EVENT_DIMS = (-3, -2, -1)
MOST_FACTORS = 8
"""How many probabilities >= 1/2 are multiplied before the logarithm, without underflow."""


class BernoulliPixels(Independent):  # type: ignore[type-arg]
    """Independent Bernoulli pixels of an image, given logits (..., C, H, W).

    log p(x) = sum_i x_i logit_i - log(1 + exp(logit_i)): no probability is computed on the
    way, so nothing overflows or becomes log 0; the error per pixel is one rounding of the logit.
    For grey x in [0, 1] this is the binary cross-entropy, as in torch's own Bernoulli.
    """

    def __init__(self, logits: Tensor) -> None:
        super().__init__(Bernoulli(logits=logits, validate_args=False), 3, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the same pixels for every element of ``batch_shape``."""
        return BernoulliPixels(self.base_dist.logits.expand(*batch_shape, *self.event_shape))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw images; on a GPU from uniform numbers, which members trained together share."""
        if self.base_dist.logits.device.type == "cpu":
            return super().sample(sample_shape)
        return _by_uniform(self.base_dist.logits, self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of images, summed over each image, in float32 or float64."""
        logits, x = self.base_dist.logits, value
        if _meets_each(logits, x):
            return _crossed(logits, x)
        logits, x = _aligned(logits, x)
        if torch.compiler.is_compiling():
            return _by_softplus(logits, x)
        log_px: Tensor = applied(_BernoulliLogProb, logits, x)
        return log_px


class GaussianPixels(Independent):  # type: ignore[type-arg]
    """Gaussian pixels around a mean image (..., C, H, W) with one common scale ()."""

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        pixels = Normal(mean, scale.expand_as(mean), validate_args=False)
        super().__init__(pixels, 3, validate_args=False)
        self._scale = scale

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the same pixels for every element of ``batch_shape``."""
        mean = self.base_dist.loc.expand(*batch_shape, *self.event_shape)
        return GaussianPixels(mean, self._scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, summed over each image, in float32 or float64."""
        if _meets_each(self.base_dist.loc, value):
            return self._of_distance(_crossed_distance(self.base_dist.loc, value))
        mean, x = _aligned(self.base_dist.loc, value)
        if torch.compiler.is_compiling():
            distance = _squared_distance(mean, x)
        else:
            distance = applied(_SquaredDistance, mean, x)
        return self._of_distance(distance)

    def _of_distance(self, distance: Tensor) -> Tensor:
        log_volume = (self._scale.log() + 0.5 * math.log(2 * math.pi)) * self.event_shape.numel()
        return distance * (-0.5 / self._scale.square()) - log_volume


def _aligned(parameter: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in a common dtype, at least float32; the parameter in their common shape."""
    if parameter.dtype == x.dtype == torch.float32 and parameter.shape[-x.ndim :] == x.shape:
        return parameter, x  # the usual case, at no cost
    dtype = torch.promote_types(torch.promote_types(parameter.dtype, x.dtype), torch.float32)
    x = x.to(dtype)
    return torch.broadcast_tensors(parameter.to(dtype), x)[0], x  # type: ignore[no-untyped-call]


@torch.no_grad()
def _by_uniform(logits: Tensor, shape: Sequence[int]) -> Tensor:
    """Draw pixels of a shape: 1 with probability sigmoid(logit)."""
    uniform = torch.rand(shape, dtype=logits.dtype, device=logits.device)
    return (uniform < logits.sigmoid()).to(logits.dtype)


def _meets_each(parameter: Tensor, x: Tensor) -> bool:
    """Return whether each parameter image (..., 1, C, H, W) meets each image (B, C, H, W)."""
    return parameter.ndim > 4 and parameter.shape[-4] == 1 < x.shape[0] and x.ndim == 4


def _crossed(logits: Tensor, x: Tensor) -> Tensor:
    """Return the log probability (..., B) of each image under each set of logits.

    sum_i x_i logit_i is a matrix product and the partition function does not depend on the image,
    so nothing is computed per pixel of each pair. Both sums may be much larger than their
    difference: they are computed in float64 where the device has it.
    """
    dtype = torch.promote_types(torch.promote_types(logits.dtype, x.dtype), torch.float32)
    wide = widest(logits.device)
    flat = logits.to(wide).flatten(-3).squeeze(-2)  # (..., pixels)
    log_partition = softplus(flat, threshold=40.0).sum(dim=-1, keepdim=True)
    return (flat @ x.to(wide).flatten(1).T - log_partition).to(dtype)


def _crossed_distance(mean: Tensor, x: Tensor) -> Tensor:
    """Return the squared distance (..., B) between each mean (..., 1, C, H, W) and each image.

    By a matrix product, in float64 where the device has it: the norms may be much larger than the
    distance.
    """
    dtype = torch.promote_types(torch.promote_types(mean.dtype, x.dtype), torch.float32)
    wide = widest(mean.device)
    flat, images = mean.to(wide).flatten(-3).squeeze(-2), x.to(wide).flatten(1)
    norms = flat.square().sum(dim=-1, keepdim=True) + images.square().sum(dim=1)
    return torch.sub(norms, flat @ images.T, alpha=2).clamp(min=0).to(dtype)


class _BernoulliLogProb(OwnGradient):
    """d log p / d logit_i = x_i - sigmoid(logit_i) and d log p / d x_i = logit_i."""

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> Tensor:
        if logits.device.type == "cpu":
            return _by_products(logits, x)
        several = x.ndim == 4 and x.shape == logits.shape[-4:] and logits.shape[:-4].numel() > 1
        formula = _by_two_sums if several and _products_are_exact() else _by_softplus
        return formula(logits, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        logits, x = ctx.saved_tensors
        per_image = gradient.reshape(*gradient.shape, 1, 1, 1)
        of_x = (per_image * logits).sum_to_size(x.shape) if ctx.needs_input_grad[1] else None
        slope = x - logits.sigmoid()
        return slope * per_image if torch.is_grad_enabled() else slope.mul_(per_image), of_x


class _SquaredDistance(OwnGradient):
    """The squared distance between two images, and its gradient 2 (mean - x) in two passes."""

    @staticmethod
    def forward(mean: Tensor, x: Tensor) -> Tensor:
        return _squared_distance(mean, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        mean, x = ctx.saved_tensors
        slope = (mean - x) * (2 * gradient).reshape(*gradient.shape, 1, 1, 1)
        return slope, -slope.sum_to_size(x.shape) if ctx.needs_input_grad[1] else None


def _squared_distance(mean: Tensor, x: Tensor) -> Tensor:
    return (mean - x).square().sum(dim=EVENT_DIMS)


def _products_are_exact() -> bool:
    """Return whether products of float32 tensors are in full float32, as evaluation sets them."""
    autocast = torch.is_autocast_enabled("cuda") or torch.is_autocast_enabled("mps")
    return torch.backends.cuda.matmul.fp32_precision == "ieee" and not autocast


def _by_softplus(logits: Tensor, x: Tensor) -> Tensor:
    # beyond 40 log(1 + exp(logit)) is the logit itself, in float64 too
    log_partition = softplus(logits, threshold=40.0)
    return -torch.addcmul(log_partition, logits, x, value=-1).sum(dim=EVENT_DIMS)


def _by_two_sums(logits: Tensor, x: Tensor) -> Tensor:
    """Return the same for logits (..., B, C, H, W), in fewer passes over them.

    sum_i x_i logit_i is a matrix product for each image.
    """
    flat = logits.flatten(-3)
    log_partition = softplus(flat, threshold=40.0).sum(dim=-1)
    return torch.einsum("...bp,bp->...b", flat, x.flatten(1)) - log_partition


def _by_products(logits: Tensor, x: Tensor) -> Tensor:
    """Return the same with one logarithm per 8 pixels: log1p is slow on a CPU.

    log p(x) = sum_i log sigmoid(|logit_i|) - (|logit_i| + (1 - 2 x_i) logit_i) / 2, where
    sigmoid(|logit_i|) is the probability of the likelier value.
    """
    size = logits.abs()
    error = torch.addcmul(size, logits, (-2 * x).add_(1)).sum(dim=EVENT_DIMS)  # twice the loss
    n_factors = math.gcd(logits.shape[-3:].numel(), MOST_FACTORS)
    likely = size.sigmoid_().reshape(*logits.shape[:-3], n_factors, -1)
    return torch.sub(likely.prod(dim=-2).log_().sum(dim=-1), error, alpha=0.5)
