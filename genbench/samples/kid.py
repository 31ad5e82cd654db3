"""The kernel distance between two sets of features, known as KID."""

import math

import torch
from torch import Tensor

from genbench.core.estimate import Estimate
from genbench.samples.checks import require_sets
from genbench.samples.pairs import sums_within

ROWS = 100
"""Rows of the kernel matrix in memory at once."""


def kernel_distance(x: Tensor, y: Tensor) -> Estimate:
    """Return the unbiased squared MMD under the cubic kernel (x·y / d + 1)³, from all pairs.

    Its expectation is 0 for equal distributions, so it can be negative. The standard error is that
    of the projections of the U-statistic: twice the standard deviation of the mean kernel to one's
    own set less that to the other one, over √n, for both sets. Near 0 it is too large by up to √2.

    Args:
        x: Features of samples, (N, d).
        y: Features of the reference, (M, d).

    Raises:
        NotApplicableError: Fewer than two rows in one of them.

    References:
        Bińkowski et al. 2018, section 4; Gretton et al. 2012, lemma 6.
    """
    require_sets(x, y)
    to_y, to_x = _sums_between(x, y)
    of_x = sums_within(x, cubic_kernel, ROWS) / (len(x) - 1) - to_y / len(y)
    of_y = sums_within(y, cubic_kernel, ROWS) / (len(y) - 1) - to_x / len(x)
    variance = 4 * (of_x.var() / len(x) + of_y.var() / len(y))
    return Estimate(float(of_x.mean() + of_y.mean()), math.sqrt(float(variance)), len(x))


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return (xᵢ·yⱼ / d + 1)³ of x (N, d) and y (M, d), as (N, M)."""
    base = torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1])
    return base.square().mul_(base)


def _sums_between(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σⱼ k(xᵢ, yⱼ), (N,), and Σᵢ k(xᵢ, yⱼ), (M,)."""
    of_rows, of_columns = (points.new_zeros(len(points)) for points in (x, y))
    for rows, sums in zip(*(torch.split(each, ROWS) for each in (x, of_rows)), strict=True):
        block = cubic_kernel(rows, y)
        sums.copy_(block.sum(dim=1))
        of_columns += block.sum(dim=0)
    return of_rows, of_columns
