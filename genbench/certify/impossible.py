"""Values that no likelihood has, whatever the model.

Each check takes claims (R, N) that were made R times, and averages them over images with weights
that sum to 1; the spread over the R times gives the tolerance.
"""

import math

from torch import Tensor

from genbench.certify.sums import ROUNDING, reach
from genbench.certify.verdict import Verdict, judge


def judge_mass(subject: str, where: str, values: Tensor) -> Verdict:
    """Return the verdict on the largest log probability of discrete data: at most 0.

    Args:
        subject: Of the verdict.
        where: The world.
        values: The mean claim at each image, (N,).
    """
    found, check = float(values.max()), f"largest log p(x) in {where}"
    reason = "the code length of an image is negative: its probability is above one"
    return judge(subject, check, "<=", 0.0, found, ROUNDING, reason)


def judge_order(subject: str, where: str, excess: Tensor, weight: Tensor) -> Verdict:
    """Return the verdict on a lower bound beside the exact value of the same model.

    Args:
        subject: Of the verdict.
        where: The world.
        excess: The lower bound less the exact value, (R, N).
        weight: Of the images, (N,).
    """
    found, tolerance = _mean_over_repeats(excess @ weight)
    check, reason = f"bound less exact value in {where}", "a lower bound lies above the exact value"
    return judge(subject, check, "<=", 0.0, found, tolerance, reason)


def judge_entropy(subject: str, where: str, values: Tensor, law: Tensor) -> Verdict:
    """Return the verdict on the mean code length of data whose distribution is known.

    It is at least their entropy, by Gibbs' inequality: no model codes the noise of a sensor in
    fewer bits than that noise has.

    Args:
        subject: Of the verdict.
        where: The world.
        values: Claims of log p(x) of all images, (R, N).
        law: The probability of each, (N,).
    """
    entropy = -float((law * law.log()).sum())
    found, tolerance = _mean_over_repeats(-(values @ law))
    check, reason = f"mean code length in {where}", "data are coded in less than their own entropy"
    return judge(subject, check, ">=", entropy, found, tolerance, reason)


def _mean_over_repeats(values: Tensor) -> tuple[float, float]:
    """Return the mean of values (R,), and how far it may lie from its expectation."""
    n = len(values)
    return float(values.mean()), ROUNDING + reach(n - 1) * float(values.std()) / math.sqrt(n)
