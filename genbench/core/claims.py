"""What a check claims about a number: equal to, at most, or at least an exact one."""

import math
from typing import Literal

Claim = Literal["=", "<=", ">="]
SIGNS: dict[Claim, str] = {"=": "", "<=": "≤ ", ">=": "≥ "}
"""The sign printed before the exact number."""


def holds(claim: Claim, value: float, exact: float, tolerance: float) -> bool:
    """Return whether a value satisfies the claim, up to ``tolerance``.

    Example:
        >>> holds("<=", 1.2, 1.0, 0.1)
        False
    """
    error = value - exact
    if not math.isfinite(error):
        return False
    above, below = error <= tolerance, -error <= tolerance
    return {"=": above and below, "<=": above, ">=": below}[claim]
