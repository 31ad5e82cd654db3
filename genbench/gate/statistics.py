"""The test behind a verdict: two sources of noise, each with its degrees of freedom.

Retraining with other seeds, or with the same seeds on a machine that rounds differently, changes a
number by the spread between seeds, however many test data there are. A permutation test or
bootstrap over test data cannot see that, and a permutation test over five seeds has no p-value
below 1/252. The variance of a difference is therefore a sum of parts:

* the seeds' part: sample variances over seeds, moderated (Smyth 2004) by a prior that counts as
  ``PRIOR_WEIGHT`` degrees of freedom. A spread above twice the prior contradicts it: the prior is
  then dropped, as in Welch's test;
* the data's part, if both sides have per-datum values: the variance of paired differences.

A change that makes training unstable widens its own spread and could hide in it. So there are two
tests, each at half the level: one with the spread of both sides, and one with the baseline's spread
for both, which is what "nothing changed" implies.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genbench.core.statistics import Noise, Part, mean_part

Matrix = NDArray[np.float64]
PRIOR_WEIGHT = 2.0
PRIOR_PER_MARGIN = 0.25
CONTRADICTED = 2.0
"""Chosen by simulation with 50 numbers per table and 1 to 5 seeds per side: false alarms stay below
1 % of tables up to a spread of half the margin. A heavier prior finds more with two seeds, but
breaks that limit."""


def prior_sd(margin: float | None) -> float | None:
    """Return the prior standard deviation between seeds that a margin implies."""
    return None if margin is None else margin * PRIOR_PER_MARGIN


def is_contradicted(values: Sequence[float], prior: float | None) -> bool:
    """Return whether the spread over seeds is far above the prior."""
    return prior is not None and len(values) > 1 and _variance(values) > (CONTRADICTED * prior) ** 2


def seeds_part(values: Sequence[float], prior: float | None) -> Part | None:
    """Return the variance of the mean of one value per seed, or None if unknown.

    Example:
        >>> seeds_part([1.0, 5.0], prior=None)
        Part(variance=4.0, df=1.0)
        >>> seeds_part([5.0], prior=0.5)
        Part(variance=0.25, df=2.0)
    """
    spread = mean_part(np.array(values, dtype=np.float64))
    if prior is None or is_contradicted(values, prior):
        return spread
    n = len(values)
    df = PRIOR_WEIGHT + n - 1
    squares = (n - 1) * _variance(values) if n > 1 else 0.0
    return Part((PRIOR_WEIGHT * prior**2 + squares) / df / n, df)


def welch(now: Sequence[float], then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' parts of a difference between two means: each side's own spread."""
    return [seeds_part(now, prior), seeds_part(then, prior)]


def by_seed(now: Sequence[float], then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' part if both sides have equal seeds: the spread of their differences."""
    apart = [a - b for a, b in zip(now, then, strict=True)]
    return [seeds_part(apart, None if prior is None else math.sqrt(2) * prior)]


def repeated(then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' part if nothing changed: the baseline's spread, on both sides."""
    part = seeds_part(then, prior)
    return [part and Part(2 * part.variance, part.df)]


def detectable(noise: Noise, margin: float, level: float, power: float = 0.95) -> float:
    """Return the smallest true loss that is detected with probability ``power``.

    The estimate must exceed both the margin and the reach of noise at ``level``.
    """
    return max(margin, noise.reach(level)) + noise.reach(1 - power)


def _variance(values: Sequence[float]) -> float:
    return float(np.var(np.asarray(values, dtype=np.float64), ddof=1))
