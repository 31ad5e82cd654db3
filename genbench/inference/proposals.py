"""Where the importance-weighted draws of a datum's latent come from.

Weights p(x, z) / r(z) average to p(x) for any proposal r that is fixed before its draws, so each
proposal here leaves the bound a lower bound. ``fitted`` is made from pilot draws of their own.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal

from genbench.core.seeding import Stream
from genbench.core.tensors import innermost
from genbench.inference.defensive_mixture import DefensiveMixture, FullNormal, times
from genbench.inference.memory import in_pieces

LogWeight = Callable[[Tensor], Tensor]
"""z (k, B, D) -> log p(x, z) - log q(z given x), (k, B) in nats."""

Name = Literal["fitted", "posterior"]
"""The names of the proposals."""

N_PILOT = 24
"""Pilot draws per datum. Each costs a gradient, about two weighted draws."""

RIDGE = 1 / 8
"""The fit is shrunk towards q as by so many more draws per dimension, on which q is right."""

FLOOR = 0.05
"""The fitted precision lies at least so far on the way from the prior's precision to q's."""

WIDEN = 1.1
"""Factor on the fitted standard deviations: a proposal with light tails has heavy weights."""

SHARE = 0.1
"""Share of the draws that still come from q, so that no weight exceeds 10 times that under q."""

LEAST_GAIN = 1e-3
"""Where the fit explains less of the variance of log w, in nats^2, q is kept."""

LEAST_TAU = 1e-30
"""Stands for zero, which is that of a reflection that changes nothing."""

MOST_DIMENSIONS = 128
"""Larger latents keep q: the pilot says too little of them."""


class Proposal(NamedTuple):
    """A distribution with batch (B,) and event (D,), and what a reader has to know of it."""

    distribution: Distribution
    remark: str = ""


def from_posterior(
    q: Distribution, p: Distribution, log_weight: LogWeight, chunk: int, stream: Stream
) -> Proposal:
    """Return q itself: as in Burda, Grosse, Salakhutdinov 2016, equation 8."""
    return Proposal(q)


def fitted(
    q: Distribution, p: Distribution, log_weight: LogWeight, chunk: int, stream: Stream
) -> Proposal:
    """Return a mixture of q and a Gaussian with a full covariance, fitted to p(z given x).

    A Gaussian p(z given x) makes log w quadratic, with a gradient that is linear in z. Least
    squares on the gradients at pilot draws from q give its mean and precision for each datum, also
    from fewer draws than dimensions, because the precision is symmetric. One draw in ten still
    comes from q, and the weights have the density of the mixture in their denominator: none exceeds
    ten times the weight under q alone, so a bad fit costs little. Data on which the fit does not
    explain the pilot's log weights, or whose log weights are NaN, keep q: a true posterior stays
    exact. No direction becomes wider than the prior: a likelihood that is log-concave in z adds
    precision to it.

    Args:
        q: The model's q(z given x), batch (B,). Other than Gaussians are returned as they are.
        p: The prior p(z), batch ().
        log_weight: The weights under q; differentiable in z.
        chunk: Draws per datum that are decoded at once.
        stream: Source of the pilot's noise, independent of that of the weighted draws.

    References:
        Owen and Zhou 2000, section 4, for the mixture with q; Cremer, Li, Duvenaud 2018, for
        posteriors that are refined for each datum.
    """
    gaussian = _gaussian(q)
    if gaussian is None:
        return Proposal(q, "draws from the posterior: it is no Gaussian of at most 128 dimensions")
    with stream.seeded():
        u = orthogonal_draws(N_PILOT, gaussian.loc)  # (S, B, D), N(0, I)
    z = gaussian.loc + times(gaussian.scale_tril, u)
    log_w, gradient = _values_and_gradients(log_weight, z, chunk)
    if gradient is None:
        return Proposal(q, "draws from the posterior: the observation model has no gradient")
    slope = times(gaussian.scale_tril.mT, gradient)
    varied = (log_w.double().var(dim=0) > LEAST_GAIN).nonzero().squeeze(1)  # False for NaN
    if not len(varied):
        return Proposal(q)
    fit = fit_quadratic(u[:, varied].double(), slope[:, varied].double())
    better = fit.explains(u[:, varied].double(), log_w[:, varied].double())
    rows = varied[better]
    if not len(rows):
        return Proposal(q)
    share = u.new_ones(len(gaussian.loc)).index_fill(0, rows, SHARE)
    other = _moved(gaussian, p, Quadratic(fit.a[better], fit.E[better]), rows)
    return Proposal(DefensiveMixture(q, other, share))


Make = Callable[[Distribution, Distribution, LogWeight, int, Stream], Proposal]
"""How a proposal is made of q, the prior and the weights."""

PROPOSALS: Mapping[Name, Make] = {
    "fitted": fitted,
    "posterior": from_posterior,
}


class Quadratic(NamedTuple):
    """log w(u) = constant + a . u - u . E u / 2, with ``a`` (B, D) and symmetric ``E`` (B, D, D).

    u are coordinates in which q is N(0, I): p(z given x) then has the precision I + E.
    """

    a: Tensor
    E: Tensor

    def explains(self, u: Tensor, log_w: Tensor) -> Tensor:
        """Return for which data it explains some of the variance of ``log_w`` (S, B), (B,)."""
        predicted = (u * (self.a - 0.5 * times(self.E, u))).sum(dim=-1)
        return log_w.var(dim=0) - (log_w - predicted).var(dim=0) > LEAST_GAIN  # False for NaN

    def moments(self, floor: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (B, D) and covariance (B, D, D) of p(z given x) in u.

        ``floor`` (B, D, D) is the least precision: what is below it in a direction is raised.
        """
        identity = torch.eye(floor.shape[-1], dtype=floor.dtype, device=floor.device)
        eigenvalues, axes = torch.linalg.eigh(identity + self.E - floor)
        precision = floor + axes * eigenvalues.clamp(min=0).unsqueeze(-2) @ axes.mT
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        return times(covariance, self.a.unsqueeze(0))[0], covariance


def fit_quadratic(u: Tensor, slope: Tensor) -> Quadratic:
    """Fit a quadratic function to its gradients a - E u at the points u, both (S, B, D).

    Minimises the squared error plus r |E|^2 over symmetric E, r = RIDGE D: with C = sum u u^T + r I
    and M = sum slope u^T of centred points, E C + C E = -M - M^T, solved in the eigenbasis of C.
    """
    ridge = RIDGE * u.shape[-1]
    centre, mean_slope = u.mean(dim=0), slope.mean(dim=0)
    points, slopes = (u - centre).permute(1, 2, 0), (slope - mean_slope).permute(1, 2, 0)
    eigenvalues, axes = torch.linalg.eigh(points @ points.mT)  # (B, D), (B, D, D)
    M = axes.mT @ (slopes @ points.mT) @ axes
    sums = eigenvalues.unsqueeze(-1) + eigenvalues.unsqueeze(-2) + 2 * ridge
    E = axes @ (-(M + M.mT) / sums) @ axes.mT
    return Quadratic(mean_slope + times(E, centre.unsqueeze(0))[0], E)


def orthogonal_draws(n: int, like: Tensor) -> Tensor:
    """Return n draws from N(0, I) for each datum, (n, B, D); every D of them are orthogonal."""
    n_data, n_dims = like.shape
    size = (math.ceil(n / n_dims), n_data, n_dims, n_dims)
    noise = torch.randn(size, dtype=like.dtype, device=like.device)
    directions, factor = _qr(noise)
    signs = factor.diagonal(dim1=-2, dim2=-1).sign()  # make the directions uniform
    lengths = noise.norm(dim=-2)
    columns: Tensor = directions * (signs * lengths).unsqueeze(-2)
    return columns.movedim(-1, 1).flatten(0, 1)[:n]


def _qr(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the QR decomposition of matrices (..., D, D); of R only the diagonal is meant.

    On an accelerator torch multiplies the reflections of each matrix by themselves, 75 ms for a
    thousand. Here those of all matrices are multiplied at once: Q = I - V T V^T, where the inverse
    of the triangular T is 1 / tau on its diagonal and that of V^T V above it.

    References:
        Puglisi 1992; Joffrain, Low, Quintana-Ortí, van de Geijn, Van Zee 2006.
    """
    if matrices.device.type == "cpu":
        q, r = torch.linalg.qr(matrices)
        return q, r
    packed, tau = torch.geqrf(matrices)
    identity = torch.eye(matrices.shape[-1]).to(matrices)
    V = packed.tril(-1) + identity
    inverse = (V.mT @ V).triu(1) + torch.diag_embed(1 / tau.clamp(min=LEAST_TAU))
    q = identity - V @ torch.linalg.solve_triangular(inverse, V.mT, upper=True)
    return q, packed


def _gaussian(q: Distribution) -> FullNormal | None:
    """Return q as N(loc, L L^T) if it is a Gaussian over a vector of at most 128 numbers."""
    if len(q.batch_shape) != 1 or len(q.event_shape) != 1 or q.event_shape[0] > MOST_DIMENSIONS:
        return None
    family = innermost(q)
    if isinstance(family, MultivariateNormal):
        return FullNormal(family.loc, family.scale_tril)
    if not isinstance(family, Normal):
        return None
    return FullNormal(family.loc, torch.diag_embed(family.scale))


def _moved(q: FullNormal, p: Distribution, fit: Quadratic, rows: Tensor) -> FullNormal:
    """Return q with the fitted Gaussians, widened, in place of those of ``rows``."""
    old = q.scale_tril[rows]
    factor = old.double()
    prior = factor.mT @ (factor / _variance(p).to(factor).unsqueeze(-1))  # precision in u
    identity = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    mean, covariance = fit.moments(prior + FLOOR * (identity - prior))
    factor = WIDEN * torch.linalg.cholesky(covariance)
    loc = q.loc[rows] + times(old, mean.to(old).unsqueeze(0))[0]
    return FullNormal(
        q.loc.index_copy(0, rows, loc),
        q.scale_tril.index_copy(0, rows, old @ factor.to(old)),
    )


def _variance(p: Distribution) -> Tensor:
    """Return the variance of each dimension of the prior, 1 where it is unknown."""
    try:
        variance = p.variance
    except NotImplementedError:
        return torch.ones(p.event_shape)
    return torch.where(variance > 0, variance, 1.0)  # and no NaN


def _values_and_gradients(
    function: LogWeight, z: Tensor, chunk: int
) -> tuple[Tensor, Tensor | None]:
    """Return the values (S, B) and the gradients (S, B, D), or None if there are none."""
    pieces = in_pieces(lambda piece: _with_gradient(function, piece), iter([z]), chunk)
    rows = torch.cat(list(pieces))
    gradient = rows[..., :-1]
    return rows[..., -1], None if gradient.isnan().all() else gradient


def _with_gradient(function: LogWeight, z: Tensor) -> Tensor:
    """Return gradients and values side by side, (S, B, D + 1); no gradient is NaN."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        values = function(z)
        gradient = None
        if values.requires_grad:
            (gradient,) = torch.autograd.grad(values.sum(), z, allow_unused=True)
    gradient = torch.full_like(z, torch.nan) if gradient is None else gradient
    return torch.cat((gradient, values.detach().unsqueeze(-1).to(gradient)), dim=-1)
