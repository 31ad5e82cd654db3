"""Precision, recall, density, coverage: samples and data in each other's nearest-neighbour balls.

A ball around an image reaches as far as its k-th nearest other image of the same set.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.samples.neighbours import Neighbourhoods

PRECISION_K = 3
"""The neighbour that balls of precision and recall reach (Kynkäänniemi et al. 2019)."""
DENSITY_K = 5
"""The neighbour that balls of density and coverage reach (Naeem et al. 2020)."""


def precision(near: Neighbourhoods, k: int = PRECISION_K) -> Estimate:
    """Estimate the share of samples that are in the ball of a reference image.

    The standard error is over samples, given the balls.

    References:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, equations 1 and 2.
    """
    return _share(near.samples_in_balls(k).balls, len(near.samples))


def recall(near: Neighbourhoods, k: int = PRECISION_K) -> Estimate:
    """Estimate the share of reference images that are in the ball of a sample.

    The standard error is over reference images, given the balls.

    References:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, equations 1 and 2.
    """
    return _share(near.reference_in_balls(k).balls, len(near.samples))


def _share(counts: Tensor, n: int) -> Estimate:
    """Estimate the share of counts that are not 0, from n samples."""
    found = mean_and_stderr((counts > 0).double())
    return Estimate(found.value, found.stderr, n)


def density(near: Neighbourhoods, k: int = DENSITY_K) -> Estimate:
    """Estimate the mean number of reference balls that hold a sample, over k.

    It is 1 in the mean if samples and reference have the same distribution, whatever this is. The
    standard error is the jackknife over balls.

    References:
        Naeem, Oh, Uh, Choi, Yoo 2020.
    """
    n = len(near.samples)
    balls, without_each = _values(near, k, lambda points: points.double() / (k * n))
    return Estimate(float(balls.sum()), _jackknife_stderr(without_each), n)


def coverage(near: Neighbourhoods, k: int = DENSITY_K) -> Estimate:
    """Estimate the share of reference balls that hold a sample.

    A perfect model has :func:`coverage_null`. The standard error is the jackknife over balls; near
    1 it is too large, by half or more.

    References:
        Naeem, Oh, Uh, Choi, Yoo 2020.
    """
    balls, without_each = _values(near, k, lambda points: (points > 0).double())
    stderr = _jackknife_stderr(without_each / (len(balls) - 1))
    return Estimate(float(balls.mean()), stderr, len(near.samples))


def _values(
    near: Neighbourhoods, k: int, value: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return a value of each ball, (M,), and their sum without each reference image, (M,).

    Without an image, its own ball is gone, and balls whose centres it is near reach one neighbour
    further. Leaving this out halves the error of the density.

    Args:
        near: Samples and reference.
        k: The neighbour that balls reach.
        value: From the number of samples in each ball.
    """
    balls, wider = (value(near.samples_in_balls(reach).points) for reach in (k, k + 1))
    rows = near.of_reference.rows[:, :k]
    growth = (wider - balls).repeat_interleave(k)
    grown = torch.zeros_like(balls).index_add(0, rows.flatten(), growth)
    return balls, balls.sum() - balls + grown


def _jackknife_stderr(without_each: Tensor) -> float:
    """Return the standard error of a number from its values without each of M images, (M,)."""
    return math.sqrt((len(without_each) - 1) * float(without_each.var(correction=0)))


def coverage_null(n_samples: int, n_reference: int, k: int = DENSITY_K) -> float:
    """Return the mean coverage if samples and reference have the same distribution.

    For any distribution without ties it is 1 − Π (M − i) / (M + N − i) over i = 1 to k, with N
    samples and M reference images.

    References:
        Naeem, Oh, Uh, Choi, Yoo 2020.

    Example:
        >>> round(coverage_null(1000, 1000), 4)
        0.969
    """
    total = n_samples + n_reference
    return 1 - math.prod((n_reference - i) / (total - i) for i in range(1, k + 1))
