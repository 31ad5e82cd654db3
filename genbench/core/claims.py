"""What a check claims of a number: that it equals, is at most, or is at least an exact one."""

import math
from typing import Literal

Claim = Literal["=", "<=", ">="]
SIGNS: dict[Claim, str] = {"=": "", "<=": "≤ ", ">=": "≥ "}
"""What stands before the exact number, for people."""


def holds(claim: Claim, value: float, exact: float, tolerance: float) -> bool:
    """Say whether a value is on the right side of the exact one, or wrong by ``tolerance`` at most.

    Example:
        >>> holds("<=", 1.2, 1.0, 0.1)
        False
    """
    error = value - exact
    if not math.isfinite(error):
        return False
    above, below = error <= tolerance, -error <= tolerance
    return {"=": above and below, "<=": above, ">=": below}[claim]
