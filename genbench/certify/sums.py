"""The sum of exp(claimed log p(x)) over a world: 1 for a likelihood, at most 1 for a lower bound.

An estimate of log p(x) from draws is summed in one of two ways.

- Of an unbiased estimate of p(x), the sum has the expectation 1: its mean over repetitions is
  compared with 1.
- A bound holds for the expectation of the claim: the mean over repetitions of log p(x) is
  summed, without the bias of the exponential (jackknife over repetitions).

The tolerance is the quantile of Student's t with R - 1 degrees of freedom at the level ``ALPHA``,
times the standard error over the R repetitions; and the error of quadrature and of rounding.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.special import stdtrit
from torch import Tensor

from genbench.certify.claims import Likelihood
from genbench.certify.diagnosis import Reference, diagnose, excess
from genbench.certify.points import Points
from genbench.certify.verdict import Verdict, judge
from genbench.core.claims import Claim
from genbench.core.metric import Kind

N_REPEATS = 12
FAMILY, N_CHECKS = 1e-3, 10_000
ALPHA = FAMILY / N_CHECKS
"""Level of one check, so that ten thousand honest ones give a false alarm in one case of 1000."""
SIDES: dict[Kind, Claim] = {
    "exact": "=",
    "estimate": "=",
    "lower_bound": "<=",
    "upper_bound": ">=",
}
"""What the sum over a world is, compared with 1, by what a claim is of log p(x)."""
MOST_QUADRATURE = 0.5
"""Error of a sum over a grid beyond which it tells nothing."""
NARROW = (
    "not checked: the density is narrower than the grid of this world, which needs standard"
    " deviations of 0.05 or more"
)
MISSED = "or the density lies between the points of the grid, narrower than 0.05"
ROUNDING = 1e-4
"""Log densities in float32 that are summed."""


class Sum(NamedTuple):
    """A sum with its Monte-Carlo standard error and that of quadrature."""

    value: float
    stderr: float
    quadrature: float = 0.0

    def tolerance(self, n_repeats: int) -> float:
        """Return how far an honest sum may lie from its expectation."""
        return reach(n_repeats - 1) * self.stderr + self.quadrature + ROUNDING


def reach(dof: float) -> float:
    """Return the two-sided quantile of Student's t at the level of one check."""
    return float(stdtrit(dof, 1 - ALPHA / 2))


def sum_of(claim: Likelihood, points: Points) -> Sum:
    """Return the sum of a claim over a world."""
    values, log_weight = _grouped(claim.values, points), points.log_weight
    found = _total(values, log_weight, claim)
    if not points.is_grid:
        return found
    rest = ~points.coarse
    coarse = (log_weight + points.n_summed * math.log(2)).masked_fill(rest, -math.inf)
    return found._replace(quadrature=abs(_total(values, coarse, claim).value - found.value))


def _grouped(values: Tensor, points: Points) -> Tensor:
    """Return the mean claim (R, M) over the noise that is added to each level."""
    if points.group is None:
        return values
    n = len(points.log_weight)
    sums = values.new_zeros(len(values), n).index_add(1, points.group, values)
    return sums / torch.bincount(points.group, minlength=n)


def _total(values: Tensor, log_weight: Tensor, claim: Likelihood) -> Sum:
    if word_of(claim) == "=":
        return _mean((values + log_weight).logsumexp(dim=1).exp())
    return _jackknife(values, log_weight)


def _mean(sums: Tensor) -> Sum:
    """Return the mean of independent sums (R,)."""
    return Sum(float(sums.mean()), float(sums.std()) / math.sqrt(len(sums)))


def _jackknife(values: Tensor, log_weight: Tensor) -> Sum:
    """Return the sum of exp(mean claim), without its bias from the noise of the mean."""
    n = len(values)
    total = values.sum(dim=0)
    whole = (total / n + log_weight).exp().sum()
    others = ((total - values) / (n - 1) + log_weight).exp().sum(dim=1)  # (R,)
    stderr = math.sqrt((n - 1) / n) * float((others - others.mean()).square().sum().sqrt())
    return Sum(float(n * whole - (n - 1) * others.mean()), stderr)


def word_of(claim: Likelihood) -> Claim:
    """Return what the sum of a claim is, compared with 1."""
    return "=" if claim.is_tight else SIDES[claim.kind]


def judge_sum(
    subject: str,
    check: str,
    claim: Likelihood,
    points: Points,
    n_levels: int,
    reference: Callable[[], Reference | None],
) -> Verdict:
    """Return the verdict on the sum of a claim over a world, with the name of its fault.

    Args:
        subject: Of the verdict.
        check: What is checked.
        claim: The claim.
        points: Where it is made.
        n_levels: Values that a pixel can take.
        reference: Asked what the claim could be, if the sum is wrong.
    """
    found = sum_of(claim, points)
    tolerance = found.tolerance(len(claim.values))
    word = word_of(claim) if points.group is None else "<="  # noise makes a bound of any claim
    verdict = judge(subject, check, word, 1.0, found.value, tolerance, "")
    if verdict.passed:
        tells_nothing = found.quadrature > MOST_QUADRATURE
        return verdict._replace(verdict="fail", reason=NARROW) if tells_nothing else verdict
    if points.group is not None:
        return verdict._replace(reason=excess(found.value))
    reason = diagnose(found.value, claim.values, points, n_levels, reference())
    missed = points.is_grid and found.value < 1
    return verdict._replace(reason=f"{reason}; {MISSED}" if missed else reason)
