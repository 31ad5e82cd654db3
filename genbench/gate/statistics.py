"""The test behind a verdict: two sources of noise, each with its degrees of freedom.

Training again with other seeds, or with the same seeds on a machine that rounds differently, moves
a number by the spread between seeds, however many test data there are. A permutation or bootstrap
over test data cannot see that, and one over five seeds has no p-value below 1/252. So the standard
error of a difference is made of parts whose variances add up:

* the seeds' part: sample variances over seeds, moderated (Smyth 2004) by a prior that counts as
  ``PRIOR_WEIGHT`` degrees of freedom. A spread above twice the prior contradicts it: the prior is
  then dropped and the seeds speak for themselves, as in Welch's test;
* the data's part, where both sides have per-datum values: the variance of paired differences.

The sum has the degrees of freedom of Welch (1947) and Satterthwaite (1946).

A change that makes training unstable widens its own spread, and would hide in it. So there are two
tests, each at half the level: one with the spread of both sides, and one with that of the baseline
for both, which is what "nothing changed" claims.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Matrix = NDArray[np.float64]
PRIOR_WEIGHT = 2.0
PRIOR_PER_MARGIN = 0.25
CONTRADICTED = 2.0
"""Chosen by simulation, 50 numbers a table, 1 to 5 seeds a side: false alarms stay below 1 % of
tables up to a spread of half the margin. A heavier prior finds more with two seeds, and breaks
that."""
_MANY = 1e9


@dataclass(frozen=True)
class Part:
    """One source of noise: its variance in the difference of means, and how well that is known."""

    variance: float
    df: float


@dataclass(frozen=True)
class Noise:
    """All noise of a difference of means: standard error and degrees of freedom."""

    stderr: float
    df: float

    def tail(self, difference: float) -> float:
        """Return the probability that noise alone gives at most ``difference`` (one-sided p).

        Example:
            >>> Noise(stderr=1.0, df=4.0).tail(0.0)
            0.5
        """
        if self.stderr == 0:
            return 0.5 if difference == 0 else float(difference > 0)
        return float(special.stdtr(min(self.df, _MANY), difference / self.stderr))

    def reach(self, level: float) -> float:
        """Return how far noise reaches above 0 with probability ``level`` on that side."""
        return -float(special.stdtrit(min(self.df, _MANY), level)) * self.stderr


def prior_sd(margin: float | None) -> float | None:
    """Return the standard deviation between seeds that a margin stands for."""
    return None if margin is None else margin * PRIOR_PER_MARGIN


def is_contradicted(values: Sequence[float], prior: float | None) -> bool:
    """Return whether the spread over seeds is far above the prior."""
    return prior is not None and len(values) > 1 and _variance(values) > (CONTRADICTED * prior) ** 2


def seeds_part(values: Sequence[float], prior: float | None) -> Part | None:
    """Return the variance of the mean of one value per seed; None where nothing is known of it.

    Example:
        >>> seeds_part([1.0, 5.0], prior=None)
        Part(variance=4.0, df=1.0)
        >>> seeds_part([5.0], prior=0.5)
        Part(variance=0.25, df=2.0)
    """
    n = len(values)
    variance = _variance(values) if n > 1 else 0.0
    if prior is None or is_contradicted(values, prior):
        return Part(variance / n, n - 1.0) if n > 1 else None
    df = PRIOR_WEIGHT + n - 1
    moderated = (PRIOR_WEIGHT * prior**2 + (n - 1) * variance) / df
    return Part(moderated / n, df)


def data_part(differences: Matrix) -> Part | None:
    """Return the variance of the mean of per-datum differences (n,); None for a single datum.

    Example:
        >>> data_part(np.array([0.0, 2.0]))
        Part(variance=1.0, df=1.0)
    """
    n = len(differences)
    return Part(float(differences.var(ddof=1)) / n, n - 1.0) if n > 1 else None


def total(parts: Iterable[Part | None]) -> Noise | None:
    """Add the parts up; None if one of them is unknown.

    Example:
        >>> total([Part(9.0, 2.0), Part(16.0, 2.0)]).stderr
        5.0
    """
    known = list(parts)
    if not known or any(part is None for part in known):
        return None
    variance = sum(part.variance for part in known if part)
    spread = sum(part.variance**2 / part.df for part in known if part)
    return Noise(math.sqrt(variance), variance**2 / spread if spread > 0 else _MANY)


def welch(now: Sequence[float], then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' parts of a difference between two means: each side's own spread."""
    return [seeds_part(now, prior), seeds_part(then, prior)]


def by_seed(now: Sequence[float], then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' part where both sides have equal seeds: the spread of their differences."""
    apart = [a - b for a, b in zip(now, then, strict=True)]
    return [seeds_part(apart, None if prior is None else math.sqrt(2) * prior)]


def repeated(then: Sequence[float], prior: float | None) -> list[Part | None]:
    """Return the seeds' part if nothing changed: the baseline's spread, on both sides."""
    part = seeds_part(then, prior)
    return [part and Part(2 * part.variance, part.df)]


def detectable(noise: Noise, margin: float, level: float, power: float = 0.95) -> float:
    """Return the smallest true loss that is called one with probability ``power``.

    The estimate has to lie beyond the margin and beyond the reach of noise at ``level``.
    """
    return max(margin, noise.reach(level)) + noise.reach(1 - power)


def _variance(values: Sequence[float]) -> float:
    return float(np.var(np.asarray(values, dtype=np.float64), ddof=1))
