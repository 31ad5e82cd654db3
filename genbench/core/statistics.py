"""Statistics of comparisons: errors and their parts, paired differences, Holm, robust means.

The report, ``compare`` and the gate all use these; torch is never imported.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Vector = NDArray[np.float64]
Seeds = Mapping[int, Vector]
"""Per-datum values (n,) of one model by training seed, all over the same data in the same order."""

ALPHA = 0.05
"""Significance level of a corrected p-value; intervals have coverage 1 - ALPHA."""
NORMAL_REACH = 1.959964
"""Half the width of a 95 % interval, in standard errors of a mean over many images."""
MOST_K_HAT = 0.7
"""Above this Pareto k-hat an importance-sampling estimate is unreliable (Vehtari et al. 2024)."""
LEAST_ESS = 2.0
"""With fewer effective draws than these, an importance-sampling estimate is unreliable."""
ENOUGH_SEEDS = 3
"""Training seeds a side that a statement about methods needs."""
ENOUGH_PAIRS = 5
"""Number of common seeds needed to pair results by seed."""
_ROUNDING = 1e-7
_MANY = 1e9


def evenly_spaced(n_all: int, n: int) -> NDArray[np.int64]:
    """Return which of ``n_all`` data an evaluator sees that is given ``n`` of them, (n,).

    Example:
        >>> evenly_spaced(10, 4)
        array([0, 2, 5, 7])
    """
    return np.arange(n) * n_all // n


def few_decide(health: Mapping[str, float]) -> str:
    """Return which diagnostic says that few draws carry the weight: ``k-hat 0.92``, or nothing.

    Args:
        health: Of a number; an infinite median of k-hat is not kept, only the share of bad ones.
    """
    k_hat, share = health.get("k_hat", 0.0), health.get("k_hat_bad", 0.0)
    if k_hat > MOST_K_HAT:
        return f"k-hat {k_hat:.2g}"
    if share > 0.5:
        return f"k-hat above {MOST_K_HAT} for {share:.0%} of the data"
    ess = health.get("ess", LEAST_ESS)
    return f"effective sample size {ess:.2g}" if ess < LEAST_ESS else ""


@dataclass(frozen=True)
class Part:
    """One source of noise: its variance in a difference of means, and its degrees of freedom."""

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
        return float(stdtr(min(self.df, _MANY), difference / self.stderr))

    def reach(self, level: float) -> float:
        """Return the value that noise alone exceeds with probability ``level`` (one-sided)."""
        return -float(stdtrit(min(self.df, _MANY), level)) * self.stderr


def mean_part(values: Vector) -> Part | None:
    """Return the variance of the mean of independent values (n,); None for a single one.

    Example:
        >>> mean_part(np.array([0.0, 2.0]))
        Part(variance=1.0, df=1.0)
    """
    n = len(values)
    return Part(float(values.var(ddof=1)) / n, n - 1.0) if n > 1 else None


def total(parts: Iterable[Part | None]) -> Noise | None:
    """Add the parts up; None if there are none, or one of them is unknown.

    References:
        Welch 1947, Biometrika 34, for unequal variances; Satterthwaite 1946, Biometrics Bulletin 2.

    Example:
        >>> total([Part(9.0, 2.0), Part(16.0, 2.0)]).stderr
        5.0
    """
    known = list(parts)
    if not known or any(part is None for part in known):
        return None
    variance = sum(part.variance for part in known if part)
    spread = sum(part.variance**2 / part.df for part in known if part)
    return Noise(math.sqrt(variance), variance**2 / spread if spread > 0 else math.inf)


@dataclass(frozen=True)
class Difference:
    """First minus second over the same data, with its estimated error.

    Attributes:
        value: Mean over data and seeds.
        stderr: Standard error over data, and over the seeds of each side that has several.
        dof: Degrees of freedom of ``stderr`` (Satterthwaite, at most those of the seeds).
        p_value: Two-sided t-test of no difference, not corrected for other tests.
    """

    value: float
    stderr: float
    dof: float
    p_value: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % t-interval: it contains 0 exactly when ``p_value`` is 0.05 or more."""
        half = float(stdtrit(self.dof, 1 - ALPHA / 2)) * self.stderr
        return self.value - half, self.value + half


def difference(first: Seeds, second: Seeds, *, by_seed: bool = False) -> Difference:
    """Compare two models on the same data: a t-test with data and seeds as random samples.

    The variance is that of the seed-averaged differences per datum, divided by n, plus that of each
    side's seed means, divided by its number of seeds. The degrees of freedom are Satterthwaite's,
    but never more than those of the seeds: a few seeds may agree by luck, and the formula would
    then underestimate their spread. Where the sides have unequal numbers of seeds, those of the
    smaller one are the limit. A side with one seed carries no information about other seeds
    and adds nothing; neither does a side whose seeds agree exactly, nor a single datum (a number
    that is not a mean over data).

    Simulated with seven equal models, Holm's correction over their 21 pairs and 2, 3 or 5 seeds:
    0 to 3.4 % of 500 tables contain a false difference (without the limit on the degrees of
    freedom, up to 23 % with two seeds). The price is power: with two seeds, only very large
    differences are significant.

    Args:
        first: Values of one model.
        second: Values of the other, over the same data.
        by_seed: Pair equal seeds, as for two versions of one model: with ``ENOUGH_PAIRS`` or more,
            the spread of the differences between equal seeds replaces the two sides' spreads.

    Raises:
        ValueError: There is only one datum, and neither side has a second seed.
    """
    one, other = (np.mean(list(seeds.values()), axis=0) for seeds in (first, second))
    apart = one - other
    nothing = _ROUNDING * max(abs(float(one.mean())), abs(float(other.mean())))
    of_seeds = [s for s in _seed_samples(first, second, by_seed) if len(s) > 1]
    noise = total(part for s in (apart, *of_seeds) if (part := mean_part(s)))
    if noise is None:
        raise ValueError("one datum and one seed: the error cannot be estimated")
    limits = [len(s) - 1 for s in of_seeds if float(s.std(ddof=1)) > nothing]
    limit = sum(limits) if len(set(limits)) == 1 else min(limits, default=math.inf)
    dof = min(noise.df, limit)
    value, stderr = float(apart.mean()), floored(noise.stderr, nothing)
    if not stderr and abs(value) <= nothing:
        value = 0.0
    p_value = 2 * Noise(stderr, dof).tail(-floored(abs(value), nothing))
    return Difference(value, stderr, dof, p_value)


def stated_difference(first: tuple[float, float], second: tuple[float, float]) -> Difference:
    """Compare two independent numbers by the standard errors that they state: a z-test.

    Args:
        first: A number and its standard error.
        second: Those of the other.

    Example:
        >>> found = stated_difference((5.0, 3.0), (-5.0, 4.0))
        >>> found.value, found.stderr, round(found.p_value, 4)
        (10.0, 5.0, 0.0455)
    """
    value, stderr = first[0] - second[0], math.hypot(first[1], second[1])
    return Difference(value, stderr, _MANY, 2 * Noise(stderr, _MANY).tail(-abs(value)))


def _seed_samples(first: Seeds, second: Seeds, by_seed: bool) -> list[Vector]:
    if by_seed and paired_by_seed(first, second):
        return [np.array([float((first[s] - second[s]).mean()) for s in first])]
    return [seed_means(seeds) for seeds in (first, second)]


def paired_by_seed(first: Mapping[int, Any], second: Mapping[int, Any]) -> bool:
    """Whether both sides have the same seeds, and enough of them to pair the results."""
    return set(first) == set(second) and len(first) >= ENOUGH_PAIRS


def seed_means(seeds: Seeds) -> Vector:
    """The mean over data of each seed, (S,)."""
    return np.array([float(values.mean()) for values in seeds.values()])


def seed_spread(first: Seeds, second: Seeds) -> float:
    """Standard deviation of the difference between equal seeds; NaN with fewer than two."""
    common = [float((first[s] - second[s]).mean()) for s in first if s in second]
    nothing = _ROUNDING * max(abs(float(np.mean(v))) for v in (*first.values(), *second.values()))
    return floored(float(np.std(common, ddof=1)), nothing) if len(common) > 1 else math.nan


def floored(value: float, nothing: float) -> float:
    """Return the value, or zero if it is only rounding error."""
    return value if value > nothing else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): step-down, valid under any dependence.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted


def interquartile_mean(values: Vector) -> Vector:
    """Mean over the last axis without its lowest and highest quarter, each rounded down.

    With fewer than four values it is the plain mean.

    References:
        Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice".

    Example:
        >>> float(interquartile_mean(np.array([1.0, 2.0, 4.0, 100.0])))
        3.0
    """
    cut = values.shape[-1] // 4
    middle: Vector = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1)
    return middle


def probability_of_improvement(first: Vector, second: Vector) -> Vector:
    """Share of seed pairs (i, j) in which the first is larger; a draw counts one half.

    Args:
        first: Seed values (..., S).
        second: Seed values (..., T).

    Returns:
        Shares, (...).

    References:
        Agarwal et al. 2021, section 4.3 (the Mann-Whitney statistic over S T).

    Example:
        >>> float(probability_of_improvement(np.array([1.0, 3.0]), np.array([1.0, 2.0])))
        0.625
    """
    n_pairs = first.shape[-1] * second.shape[-1]
    rows = zip(_as_rows(first), np.sort(_as_rows(second)), strict=True)
    won = [_below(one, other) - _below(-one, -other[::-1]) for one, other in rows]
    share: Vector = 0.5 + 0.5 * (np.array(won).reshape(first.shape[:-1]) / n_pairs)
    return share


def _as_rows(values: Vector) -> Vector:
    return values.reshape(-1, values.shape[-1])


def _below(values: Vector, ordered: Vector) -> int:
    """In how many pairs one of ``ordered``, which is sorted, is below one of ``values``."""
    return int(np.searchsorted(ordered, values).sum())


def percentile_interval(replicates: Vector) -> tuple[float, float]:
    """The 95 % percentile interval of bootstrap replicates (B,)."""
    low, high = np.quantile(replicates, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)
