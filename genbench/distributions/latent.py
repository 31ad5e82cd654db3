"""Priors and posterior heads for latent variables.

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
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Uniform,
    register_kl,
)
from torch.nn.functional import softplus

from genbench.core.tensors import independent_normal
from genbench.distributions.own_gradient import OwnGradient, applied

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class UnitNormal(Normal):
    """N(0, 1) in every dimension, with a fast density and KL divergence."""

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw; torch's own method also reads from the device whether every scale is positive."""
        shape = self._extended_shape(sample_shape)
        return torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return -(z^2 + log 2 pi) / 2 for each number."""
        return value.square() * -0.5 - HALF_LOG_2PI


@register_kl(Normal, UnitNormal)  # type: ignore[no-untyped-call,untyped-decorator]
def _kl_from_unit(q: Normal, p: UnitNormal) -> Tensor:
    """Return (loc^2 + scale^2 - 1) / 2 - log scale for each dimension."""
    kl: Tensor = applied(_KlFromUnit, q.loc, q.scale)
    return kl


class _KlFromUnit(OwnGradient):
    """The KL and its gradient, loc and scale - 1 / scale, in half as many operations as torch's."""

    @staticmethod
    def forward(loc: Tensor, scale: Tensor) -> Tensor:
        return (loc.square() + scale.square() - 1) * 0.5 - scale.log()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        loc, scale = ctx.saved_tensors
        return gradient * loc, gradient * scale - gradient / scale


class FactoredNormal(MultivariateNormal):
    """N(loc, L L^T) from its factor L, with a closed-form KL divergence from N(0, I)."""


@register_kl(FactoredNormal, Independent)  # type: ignore[no-untyped-call,untyped-decorator]
def _kl_of_factored(q: FactoredNormal, p: "Independent[Distribution]") -> Tensor:
    """Return (|L|^2 + |loc|^2 - D) / 2 - sum_i log L_ii, where p is N(0, I).

    That is (tr S + |loc|^2 - D - log det S) / 2 with S = L L^T.
    """
    if type(p.base_dist) is not UnitNormal or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    trace = q.scale_tril.square().sum(dim=(-2, -1))
    log_volume = q.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    return (trace + q.loc.square().sum(dim=-1) - q.loc.shape[-1]) * 0.5 - log_volume


class StandardNormal(nn.Module):
    """The prior N(0, I) over D dimensions, on the module's device and in its dtype."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.loc = nn.Buffer(torch.zeros(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        normal = UnitNormal(self.loc, torch.ones_like(self.loc), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class DiagonalNormal(nn.Module):
    """The posterior head N(loc(h), diag scale(h)^2); softplus keeps the scale positive."""

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, 2 * latent_dim)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc, raw = self.linear(features).chunk(2, dim=-1)
        return independent_normal(loc, softplus(raw) + 1e-6)


class IsotropicNormal(nn.Module):
    """The posterior head N(loc(h), scale(h)^2 I): one scale for all dimensions of a datum."""

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, latent_dim + 1)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        output = self.linear(features)
        loc, raw = output[..., :-1], output[..., -1:]
        return independent_normal(loc, (softplus(raw) + 1e-6).expand_as(loc))


class FullNormal(nn.Module):
    """The posterior head N(loc(h), L(h) L(h)^T), L lower-triangular with a positive diagonal.

    It has D (D + 3) / 2 outputs per datum: D locations, D diagonal entries through softplus, and
    the unconstrained entries below the diagonal.

    References:
        Doersch 2016, equation 7, for the KL divergence from N(0, I).
    """

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        below = torch.tril_indices(latent_dim, latent_dim, offset=-1)
        self.sizes = (latent_dim, latent_dim, below.shape[1])
        self.linear = nn.Linear(n_features, sum(self.sizes))
        self.below = nn.Buffer(below, persistent=False)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc, raw, entries = self.linear(features).split(self.sizes, dim=-1)
        factor = torch.diag_embed(softplus(raw) + 1e-6)  # (B, D, D)
        rows, columns = self.below
        factor[..., rows, columns] = entries
        return FactoredNormal(loc, scale_tril=factor, validate_args=False)


class ConstantScaleNormal(DiagonalNormal):
    """The posterior head N(loc(h), diag scale^2): one learned scale per dimension for all data.

    The best diagonal posterior of a linear-Gaussian model has this form.
    """

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__(n_features, latent_dim)
        self.linear = nn.Linear(n_features, latent_dim)
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc = self.linear(features)
        return independent_normal(loc, self.log_scale.exp().expand_as(loc))


class UniformPrior(nn.Module):
    """The uniform prior on [-limit, limit] in each of D dimensions."""

    def __init__(self, latent_dim: int, limit: float = 1.0) -> None:
        super().__init__()
        self.high = nn.Buffer(torch.full((latent_dim,), limit), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        uniform = Uniform(-self.high, self.high, validate_args=False)
        return Independent(uniform, 1, validate_args=False)


class OneHot(OneHotCategorical):
    """One-hot vectors of K categories from logits (..., K), built without synchronising.

    torch's own class always validates its inner distribution, which synchronises with the device.
    """

    def __init__(self, logits: Tensor) -> None:
        self._categorical = Categorical(logits=logits, validate_args=False)
        Distribution.__init__(self, logits.shape[:-1], logits.shape[-1:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the same categories for every element of ``batch_shape``."""
        instance = _instance or OneHot.__new__(OneHot)
        expanded: Distribution = super().expand(batch_shape, instance)  # type: ignore[no-untyped-call]
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
