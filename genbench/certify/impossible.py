"""Values that no likelihood has, whatever the model."""

from torch import Tensor

from genbench.certify.sums import ROUNDING
from genbench.certify.verdict import Verdict, judge


def judge_mass(name: str, values: Tensor) -> Verdict:
    """Return the verdict on the largest log probability of discrete data: at most 0.

    Args:
        name: Subject of the verdict.
        values: The mean claim at each image, (N,).
    """
    reason = "the code length of an image is negative: a probability above one"
    return judge(name, "largest log p(x)", "<=", 0.0, float(values.max()), ROUNDING, reason)
