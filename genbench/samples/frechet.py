"""The Fréchet distance between two sets of features, and its value without finite-sample bias."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.core.estimate import Estimate
from genbench.core.seeding import Stream
from genbench.core.tensors import joined
from genbench.samples.checks import require_sets

PER_FEATURE = 10
"""Rows for each feature that a covariance needs; with fewer its bias exceeds most distances."""
N_SPLITS = 4
"""Random splits into halves; more than one takes out most of the noise of the split itself."""
ROWS = 1000
"""Rows that are centred at once."""


class Moments(NamedTuple):
    """Mean (d,) and unbiased covariance (d, d) of a set of features."""

    mean: Tensor
    covariance: Tensor


def frechet_distance(x: Tensor, y: Tensor) -> Estimate:
    """Return the squared Fréchet distance between Gaussians with the moments of x and y.

    ‖m₁ − m₂‖² + tr S₁ + tr S₂ − 2 tr (S₁^½ S₂ S₁^½)^½, in squared units of the features, 0 or more.
    Its bias is positive: 2 d / n + d (d + 1) / (2 n) for two sets of n from N(0, I), and of that
    order for others. The standard error is that of a linear expansion in both sets: the reference
    is a sample of the data as well, and the distance is meant between distributions. It does not
    contain the bias; :func:`frechet_extrapolated` removes that.

    Args:
        x: Features of samples, (N, d).
        y: Features of the reference, (M, d).

    Raises:
        NotApplicableError: Fewer than 10 d rows in one of them.

    References:
        Dowson, Landau 1982; Heusel et al. 2017, equation 6.
    """
    _require(x, y)
    p, q = moments(x), moments(y)
    return Estimate(max(0.0, squared_distance(p, q)), _stderr(x, y, p, q), len(x))


def frechet_extrapolated(x: Tensor, y: Tensor, stream: Stream) -> Estimate:
    """Return the squared Fréchet distance without its bias of order 1/n: 2 FD(n) − mean FD(n/2).

    Each split halves both sets at random, and each half of one is compared with a half of the
    other: the bias comes from both, so halving one of them leaves that of the other. The standard
    error is that of :func:`frechet_distance`, since to first order the halves average to the whole.
    The number can be negative where the distance is small.

    Args:
        x: Features of samples, (N, d).
        y: Features of the reference, (M, d).
        stream: Of the splits.

    Raises:
        NotApplicableError: Fewer than 10 d rows in one of them.

    References:
        Chong, Forsyth 2020, who fit a line through several n; Quenouille 1956 for two sizes.
    """
    _require(x, y)
    p, q = moments(x), moments(y)
    draws = stream.child("halves").generator()
    halves = [
        squared_distance(moments(part), moments(other))
        for _ in range(N_SPLITS)
        for part, other in zip(_halves(x, draws), _halves(y, draws), strict=True)
    ]
    value = 2 * squared_distance(p, q) - sum(halves) / len(halves)
    return Estimate(value, _stderr(x, y, p, q), len(x))


def moments(x: Tensor) -> Moments:
    """Return the mean and the covariance, with n − 1 below, of features x (N, d), on the CPU.

    Matrices of d x d are decomposed there sooner than on a GPU.
    """
    mean = x.mean(dim=0)
    scatter = x.new_zeros(x.shape[1], x.shape[1])
    for rows in torch.split(x, ROWS):
        centred = rows - mean
        scatter.addmm_(centred.T, centred)
    return Moments(mean.cpu(), (scatter / (len(x) - 1)).cpu())


def squared_distance(p: Moments, q: Moments) -> float:
    """Return the squared Fréchet distance between two Gaussians.

    The eigenvalues of S₁^½ S₂ S₁^½ are the squared singular values of S₁^½ S₂^½, which keep the
    digits that squaring loses.
    """
    overlap = torch.linalg.svdvals(_root(p.covariance) @ _root(q.covariance)).sum()
    traces = p.covariance.trace() + q.covariance.trace()
    return float((p.mean - q.mean).square().sum() + traces - 2 * overlap)


def _require(x: Tensor, y: Tensor) -> None:
    n_features = x.shape[-1]
    why = f"{PER_FEATURE} for each of {n_features} features"
    require_sets(x, y, max(2, PER_FEATURE * n_features), why)


def _halves(x: Tensor, draws: torch.Generator) -> tuple[Tensor, ...]:
    return x[torch.randperm(len(x), generator=draws).to(x.device)].chunk(2)


def _root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root (d, d); negative eigenvalues are rounding."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def _stderr(x: Tensor, y: Tensor, p: Moments, q: Moments) -> float:
    """Return the standard error by the influence of each row of both sets."""
    a, b = _root(p.covariance), _root(q.covariance)
    u, s, vh = torch.linalg.svd(a @ b)
    inverse = torch.where(s > len(s) * torch.finfo(s.dtype).eps * s[0], 1 / s, 0.0)
    to_p = (a @ u * inverse) @ (a @ u).T  # S₁^½ (S₁^½ S₂ S₁^½)^-½ S₁^½, which maps q to p
    to_q = (b @ vh.T * inverse) @ (b @ vh.T).T
    of_x = _influence(x, p.mean, p.mean - q.mean, to_q).var()
    of_y = _influence(y, q.mean, q.mean - p.mean, to_p).var()
    return math.sqrt(float(of_x / len(x) + of_y / len(y)))


def _influence(x: Tensor, mean: Tensor, apart: Tensor, transport: Tensor) -> Tensor:
    """Return c'(2 Δm + (I − T) c) of the centred rows c of one set, (N,), up to a constant."""
    curvature = torch.eye(len(mean)).to(x) - transport.to(x)
    mean, apart = mean.to(x), apart.to(x)
    centred = (rows - mean for rows in torch.split(x, ROWS))
    return joined((torch.linalg.vecdot(c, 2 * apart + c @ curvature) for c in centred), len(x))
