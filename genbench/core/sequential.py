"""Anytime-valid tests: evidence that may be looked at after each training seed.

A fixed-n test that is looked at again and again until it rejects is wrong far more often than it
says. An e-process is not: under the null it is a nonnegative martingale with mean 1, so that the
probability that it ever reaches 1 / alpha is at most alpha (Ville 1939), whenever one stops.
"""

from dataclasses import replace

import numpy as np

from genbench.core.statistics import Difference, Seeds, Vector, difference, seed_means

EFFECT_VARIANCE = 9.0
"""Prior variance g: few seeds can only decide effects of several seed standard deviations."""


def e_process(differences: Vector, g: float = EFFECT_VARIANCE) -> Vector:
    """Evidence after each seed that differences between equal seeds have a mean other than zero.

    The right-Haar t-test: with delta = mean / sd ~ N(0, g), nu = n - 1 and t of one sample,

        E_n = (1 + n g)^(-1/2) [(1 + t^2 / nu) / (1 + t^2 / (nu (1 + n g)))]^((nu + 1) / 2),

    whatever the standard deviation of normal differences.

    Args:
        differences: (..., n), in the order in which they were looked at.
        g: Prior variance of the effect.

    Returns:
        E_1 to E_n, (..., n); E_1 is 1.

    References:
        Pérez-Ortiz, Lardy, de Heide and Grünwald 2024, "E-statistics, group invariance and anytime-
        valid testing", Annals of Statistics 52; Wang and Ramdas 2023, "Anytime-valid t-tests and
        confidence sequences for Gaussian means with unknown variance".

    Example:
        >>> e_process(np.array([2.0, -2.0])).round(3).tolist()
        [1.0, 0.229]
    """
    n = np.arange(1, differences.shape[-1] + 1)
    squares = np.cumsum(differences**2, axis=-1)  # nu s^2 + n mean^2
    of_mean = np.cumsum(differences, axis=-1) ** 2 / n  # n mean^2
    spread = np.maximum(squares - of_mean, 0.0)
    shrunk = spread + of_mean / (1 + n * g)
    ratio = np.divide(squares, shrunk, out=np.ones_like(shrunk), where=shrunk > 0)
    evidence: Vector = ratio ** (n / 2) / np.sqrt(1 + n * g)
    return evidence


def anytime_p_value(differences: Vector, g: float = EFFECT_VARIANCE) -> Vector:
    """A p-value that holds whenever one stops: one over the most evidence that there ever was.

    Args:
        differences: (..., n), as for :func:`e_process`.
        g: Prior variance of the effect.

    Returns:
        (...,); 1 without differences.
    """
    most = e_process(differences, g).max(axis=-1, initial=1.0)
    p_values: Vector = 1.0 / most
    return p_values


def anytime_difference(first: Seeds, second: Seeds, *, by_seed: bool = False) -> Difference:
    """Compare two models as :func:`difference` does, however the number of seeds was chosen.

    The p-value is the larger one of two: that of the anytime test over differences between equal
    seeds, so that it holds for new seeds, and that of the t-test, so that it holds for new images.

    Raises:
        ValueError: There is only one datum, and neither side has a second seed.
    """
    tested = difference(first, second, by_seed=by_seed)
    seeds = _of_equal_seeds(first, second)
    if seeds is None:
        return tested
    return replace(tested, p_value=max(tested.p_value, float(anytime_p_value(seeds))))


def _of_equal_seeds(first: Seeds, second: Seeds) -> Vector | None:
    """Differences between equal seeds in their order, (S,); None where neither side has a spread.

    A side of a single seed stands against every seed of the other.
    """
    if all(np.allclose(means, means[0], rtol=1e-7) for means in map(seed_means, (first, second))):
        return None
    seeds = sorted({*first, *second} if min(len(first), len(second)) == 1 else {*first} & {*second})
    return np.array([_mean_of(first, seed) - _mean_of(second, seed) for seed in seeds])


def _mean_of(side: Seeds, seed: int) -> float:
    values = side[seed] if len(side) > 1 else next(iter(side.values()))
    return float(values.mean())
