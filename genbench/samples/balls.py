"""Precision, recall, density, coverage: samples and data in each other's nearest-neighbour balls.

A ball around an image reaches as far as its k-th nearest other image of the same set.
"""

import math

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
    points = near.samples_in_balls(k).points.double()
    n = len(near.samples)
    over_balls = mean_and_stderr(points * len(points) / (k * n))
    return Estimate(over_balls.value, over_balls.stderr, n)


def coverage(near: Neighbourhoods, k: int = DENSITY_K) -> Estimate:
    """Estimate the share of reference balls that hold a sample.

    A perfect model has :func:`coverage_null`. The standard error is the jackknife over balls.

    References:
        Naeem, Oh, Uh, Choi, Yoo 2020.
    """
    return _share(near.samples_in_balls(k).points, len(near.samples))


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
