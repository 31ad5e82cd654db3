"""Priors and posterior heads over the latent. Imports torch only.

Distributions are built with ``validate_args=False``: torch's own checks would cost a device
synchronisation per step; a non-finite loss is caught by the training loop and the evaluators.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    Uniform,
    register_kl,
)
from torch.nn.functional import softplus

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class UnitNormal(Normal):
    """N(0, 1) in every dimension, whose density and divergence take few passes."""

    def log_prob(self, value: Tensor) -> Tensor:
        """Return -(z^2 + log 2 pi) / 2 for each number."""
        return value.square() * -0.5 - HALF_LOG_2PI


def _kl_from_unit(q: Normal, p: UnitNormal) -> Tensor:
    """Return (loc^2 + scale^2 - 1) / 2 - log scale for each dimension."""
    kl: Tensor = (q.loc.square() + q.scale.square() - 1) * 0.5 - q.scale.log()
    return kl


register_kl(Normal, UnitNormal)(_kl_from_unit)  # type: ignore[no-untyped-call]


class StandardNormal(nn.Module):
    """The prior N(0, I) over D dimensions, on whatever device and dtype the module lives."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        loc: Tensor = self.get_buffer("loc")
        normal = UnitNormal(loc, torch.ones_like(loc), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class DiagonalNormal(nn.Module):
    """The posterior head N(loc(h), diag scale(h)^2); softplus keeps the scale positive."""

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, 2 * latent_dim)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc, raw = self.linear(features).chunk(2, dim=-1)
        normal = Normal(loc, softplus(raw) + 1e-6, validate_args=False)
        return Independent(normal, 1, validate_args=False)


class ConstantScaleNormal(DiagonalNormal):
    """The posterior head N(loc(h), diag scale^2): one learned scale per dimension for all data.

    That is the form of the best diagonal posterior of a linear-Gaussian model.
    """

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__(n_features, latent_dim)
        self.linear = nn.Linear(n_features, latent_dim)
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc = self.linear(features)
        normal = Normal(loc, self.log_scale.exp().expand_as(loc), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class UniformPrior(nn.Module):
    """The prior that is uniform on [-limit, limit] in each of D dimensions."""

    def __init__(self, latent_dim: int, limit: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("high", torch.full((latent_dim,), limit), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        high: Tensor = self.get_buffer("high")
        return Independent(Uniform(-high, high, validate_args=False), 1, validate_args=False)


class OneHot(OneHotCategorical):
    """One-hot vectors of K categories from logits (..., K), built without looking at a value.

    torch's own class checks its inner distribution whatever it is told, which waits for a device.
    """

    def __init__(self, logits: Tensor) -> None:
        inner = Categorical(logits=logits, validate_args=False)
        self._categorical = inner
        event_shape = inner.param_shape[-1:]
        Distribution.__init__(self, inner.batch_shape, event_shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the same categories for every element of ``batch_shape``."""
        made = _instance or OneHot.__new__(OneHot)
        expanded: Distribution = super().expand(batch_shape, made)  # type: ignore[no-untyped-call]
        return expanded


class CategoricalPrior(nn.Module):
    """The learned prior over K categories, as one-hot vectors; uniform at the start."""

    def __init__(self, n_categories: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n_categories))

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (K,)."""
        return OneHot(self.logits)


class CategoricalPosterior(nn.Module):
    """The posterior head over one of K categories, as a one-hot vector."""

    def __init__(self, n_features: int, n_categories: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, n_categories)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (K,)."""
        return OneHot(self.linear(features))
