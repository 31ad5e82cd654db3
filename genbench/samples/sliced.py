"""The sliced Wasserstein distance between two sets of features."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.core.seeding import Stream
from genbench.samples.checks import require_sets

N_PROJECTIONS = 1000
AT_ONCE = 20
"""Projections in memory at once."""
ROUNDING = 16
"""By how many units of rounding, of the largest value, equal features may lie apart."""


class Levels(NamedTuple):
    """Where the quantile functions of N and of M equally likely points are both constant.

    Attributes:
        length: Of each piece of (0, 1), (S,).
        rank_x: Which of the N sorted points is the quantile there, (S,).
        rank_y: Which of the M sorted points is, (S,).
    """

    length: Tensor
    rank_x: Tensor
    rank_y: Tensor


def sliced_wasserstein(x: Tensor, y: Tensor, stream: Stream) -> Estimate:
    """Return the root mean square, over random directions, of the Wasserstein-2 distance.

    Along each direction it is the exact distance of the two empirical distributions, from their
    sorted values; sets of different sizes need no subset. In units of the features. For equal
    distributions it is positive, of order 1/√n. The standard error covers the directions and both
    sets; that of the sets is the mean over directions of the Kantorovich potential of each row.

    Args:
        x: Features of samples, (N, d).
        y: Features of the reference, (M, d).
        stream: Of the directions.

    Raises:
        NotApplicableError: Fewer than two rows in one of them.

    References:
        Bonneel, Rabin, Peyré, Pfister 2015; del Barrio, Loubes 2019 for the error.
    """
    require_sets(x, y)
    length, rank_x, rank_y = levels_of(len(x), len(y))
    length = length.to(x)
    squares, of_x, of_y = [], x.new_zeros(len(x)), y.new_zeros(len(y))
    for block in torch.split(_directions(x, stream), AT_ONCE):
        along_x, row_x = _ordered(block @ x.T, rank_x)  # (P, S)
        along_y, row_y = _ordered(block @ y.T, rank_y)
        gaps = _gaps(along_x, along_y)
        squares.append(gaps.square() @ length)
        of_x.index_add_(0, row_x.flatten(), (_potential(along_x, gaps) * length).flatten())
        of_y.index_add_(0, row_y.flatten(), (_potential(along_y, -gaps) * length).flatten())
    potentials = (of_x * (len(x) / N_PROJECTIONS), of_y * (len(y) / N_PROJECTIONS))
    variance = sum(float(each.var()) / len(each) for each in potentials)
    return _root(mean_and_stderr(torch.cat(squares)), variance, len(x))


def levels_of(n: int, m: int) -> Levels:
    """Return the pieces of (0, 1) between all multiples of 1/n and of 1/m.

    Example:
        >>> levels_of(1, 2).length.tolist(), levels_of(1, 2).rank_y.tolist()
        ([0.5, 0.5], [0, 1])
    """
    multiples = torch.cat((torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n))
    ends = torch.asarray(np.unique(multiples.numpy()))  # of the pieces, out of n m
    length = ends.diff(prepend=ends.new_zeros(1)).double() / (n * m)
    return Levels(length, (ends - 1) // m, (ends - 1) // n)


def _directions(x: Tensor, stream: Stream) -> Tensor:
    """Return unit vectors of uniform direction, (N_PROJECTIONS, d)."""
    draws = stream.child("directions").generator()
    normal = torch.randn(N_PROJECTIONS, x.shape[1], generator=draws, dtype=torch.float64)
    return torch.nn.functional.normalize(normal).to(x)


def _ordered(along: Tensor, rank: Tensor) -> tuple[Tensor, Tensor]:
    """Return the value and the row that have each rank (S,) along each direction, (P, S)."""
    values, rows = along.sort(dim=1)
    return values[:, rank], rows[:, rank]


def _gaps(along_x: Tensor, along_y: Tensor) -> Tensor:
    """Return the differences; equal features lie apart by the rounding of their products alone."""
    gaps = along_x - along_y
    rounding = ROUNDING * torch.finfo(gaps.dtype).eps * along_x.abs().amax()
    return gaps.masked_fill(gaps.abs() <= rounding, 0)


def _potential(points: Tensor, gaps: Tensor) -> Tensor:
    """Return the potential whose slope is twice the gap, by trapezoids, 0 at the first point."""
    steps = points.diff(dim=1) * (gaps[:, 1:] + gaps[:, :-1])
    return torch.nn.functional.pad(steps.cumsum(dim=1), (1, 0))


def _root(square: Estimate, variance: float, n: int) -> Estimate:
    """Return the root of a mean square whose data have a further variance."""
    value = math.sqrt(square.value)
    total = math.sqrt((square.stderr or 0.0) ** 2 + variance)
    return Estimate(value, total / (2 * value) if value > 0 else 0.0, n)
