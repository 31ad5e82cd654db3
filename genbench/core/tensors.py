"""Small operations on tensors and distributions that every layer needs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Cauchy, Distribution, HalfCauchy, Independent, Normal

from genbench.core.estimate import NotApplicableError

_ROWS = 1_000


def as_event(distribution: Distribution, batch_ndim: int) -> Distribution:
    """Treat every batch dimension after the first ``batch_ndim`` as part of the event.

    ``Normal(loc (B, D), scale)`` becomes a distribution with batch (B,) and event (D,), whose log
    probability is the joint density of the whole vector.
    """
    extra = len(distribution.batch_shape) - batch_ndim
    return Independent(distribution, extra, validate_args=False) if extra > 0 else distribution


def independent_normal(loc: Tensor, scale: Tensor, event_ndim: int = 1) -> Distribution:
    """Return N(loc, diag scale^2) over the last ``event_ndim`` dimensions, without validation."""
    normal = Normal(loc, scale, validate_args=False)
    return Independent(normal, event_ndim, validate_args=False)


def support_of(distribution: Distribution) -> Any:
    """Return the support of ``distribution``, or None if it defines none."""
    try:
        return distribution.support
    except NotImplementedError:
        return None


def innermost(distribution: Distribution) -> Distribution:
    """Return the distribution of single numbers inside ``Independent``."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def mean_of(distribution: Distribution) -> Tensor:
    """Return the mean.

    Raises:
        NotApplicableError: It has none, such as a distribution over categories.
    """
    family = innermost(distribution)
    if isinstance(family, Categorical | Cauchy | HalfCauchy):
        raise NotApplicableError(f"a {type(family).__name__} has no mean")
    try:
        return distribution.mean
    except NotImplementedError as error:
        raise NotApplicableError(f"a {type(family).__name__} states no mean") from error


def float_dtype(model: object, default: torch.dtype) -> torch.dtype:
    """Return the floating dtype of a module's weights, or ``default`` if it has none."""
    return next((t.dtype for t in _tensors_of(model) if t.is_floating_point()), default)


def device_of(model: object, default: torch.device) -> torch.device:
    """Return the device of a module's weights, or ``default`` if it has none."""
    return next((t.device for t in _tensors_of(model)), default)


def _tensors_of(model: object) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()] if isinstance(model, nn.Module) else []


def count_parameters(model: nn.Module) -> int:
    """Count the learned numbers of a model: parameters, or buffers of a closed-form fit."""
    trained = sum(p.numel() for p in model.parameters())
    return trained or sum(b.numel() for b in model.buffers())


def sum_in_float64(x: Tensor) -> Tensor:
    """Return the sum over the first dimension in float64, without all of ``x`` in that type."""
    parts = [part.sum(dim=0, dtype=torch.float64) for part in torch.split(x, _ROWS)]
    return torch.stack(parts).sum(dim=0)
