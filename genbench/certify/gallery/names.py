"""Says which fault a claim has, by the pattern of its sums alone.

Nothing here knows which bug was injected: the rules look at the sums with one draw, with K and with
2 K, at the sum over other scales, and at which images are given too much.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

NEAR = 0.1
"""Relative distance within which a sum counts as a known factor."""
LEAST_BOUND = 0.3
"""The sum of a bound that a mean over pixels may stand for."""


class Change(NamedTuple):
    """By how many nats claims rise on average over images, and by how many they may by chance."""

    nats: float
    tolerance: float


class Evidence(NamedTuple):
    """What is known of a claim.

    Attributes:
        total: Its sum over the world, which should be 1, or at most 1.
        tolerance: How far an honest sum may lie from that.
        values: Mean claim of each image, (N,).
        images: The images, (N, D).
        n_levels: Of a pixel; 0 for densities.
        unit: What can be doubled: ``draws``, ``steps`` or nothing.
        at_one: The sum with one draw; None where none are drawn.
        change: By how much the claim rises when they are doubled; None where nothing can be.
        stretched: The sum where all data are twice as large; None for levels.
    """

    total: float
    tolerance: float
    values: Tensor
    images: Tensor
    n_levels: int
    unit: str = ""
    at_one: float | None = None
    change: Change | None = None
    stretched: float | None = None

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        return self.images.shape[1]

    @property
    def falls(self) -> bool:
        """Whether more draws make the claim smaller."""
        return self.change is not None and self.change.nats < -self.change.tolerance

    @property
    def exceeds(self) -> bool:
        """Whether the sum is above 1."""
        return self.total > 1 + self.tolerance

    def sum_where(self, chosen: Tensor) -> float:
        """Return the sum over some of the images."""
        return float(self.values[chosen].exp().sum())


def _volume(e: Evidence) -> bool:
    """The sum is a part of the number of images, and some are more than certain."""
    share = e.total / e.n_levels**e.n_pixels if e.n_levels else 0.0
    return NEAR < share <= 1 + NEAR and bool((e.values > 0).any())


def _grey_cross_entropy(e: Evidence) -> bool:
    """Images of the lowest and highest level alone sum to 1."""
    extreme = ((e.images == 0) | (e.images == 1)).all(dim=1)
    return e.n_levels > 2 and e.exceeds and near(e.sum_where(extreme), 1.0)


def _log_determinant(e: Evidence) -> bool:
    """Data twice as large multiply the integral by 4 for each dimension."""
    return e.stretched is not None and near(e.stretched / e.total, 4.0**e.n_pixels)


def _steps(e: Evidence) -> bool:
    """Twice the steps of a solver give another density."""
    return e.unit == "steps" and e.change is not None and abs(e.change.nats) > e.change.tolerance


def _constant(e: Evidence) -> bool:
    """The sum is a power of the root of 2 pi."""
    power = math.log(e.total) / math.log(math.sqrt(2 * math.pi))
    return round(power) != 0 and abs(power - round(power)) < NEAR / 2


def _sum_over_draws(e: Evidence) -> bool:
    """Twice the draws, twice the sum."""
    return e.unit == "draws" and e.change is not None and near(e.change.nats, math.log(2))


def _more_draws(e: Evidence) -> bool:
    """With one draw the sum is a large number."""
    return e.falls and e.at_one is not None and e.at_one > 2 * e.total


def _wrong_sign(e: Evidence) -> bool:
    """More draws make it smaller, and it is never too large."""
    return e.falls and not e.exceeds


def _surrogate(e: Evidence) -> bool:
    """With one draw it is a bound, with many it is above."""
    return e.at_one is not None and e.at_one < e.total and e.at_one <= 1 and e.exceeds


def _mean_over_pixels(e: Evidence) -> bool:
    """Times the number of pixels it is a likelihood."""
    whole = float((e.n_pixels * e.values).exp().sum())
    return e.exceeds and LEAST_BOUND < whole <= 1 + NEAR


def _sees_itself(e: Evidence) -> bool:
    """Images are nearly certain, all of them."""
    return float(e.values.exp().mean()) > 0.5


def _kl(e: Evidence) -> bool:
    """It is too large with any number of draws."""
    return e.exceeds and e.at_one is not None and e.at_one > 1


RULES: dict[str, Callable[[Evidence], bool]] = {
    "the volume of the levels is missing": _volume,
    "a cross-entropy of grey pixels": _grey_cross_entropy,
    "a log-determinant of the wrong sign": _log_determinant,
    "too few steps of the solver": _steps,
    "a sum over the draws in place of their mean": _sum_over_draws,
    "more draws than the number that they are divided by": _more_draws,
    "weights of the wrong sign": _wrong_sign,
    "a wrong constant of a Gaussian": _constant,
    "the surrogate of a gradient": _surrogate,
    "a mean over the pixels in place of the sum": _mean_over_pixels,
    "a pixel is among what predicts it": _sees_itself,
    "the KL is missing": _kl,
}
"""Faults by name, the most specific pattern first."""


def near(found: float, expected: float) -> bool:
    """Return whether a factor is a known one."""
    return abs(found - expected) <= NEAR * expected


def fault_of(evidence: Evidence) -> str:
    """Return the name of the first fault whose pattern fits; empty where none does."""
    return next((name for name, fits in RULES.items() if fits(evidence)), "")
