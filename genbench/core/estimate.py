"""The one place where per-datum values become a mean with a standard error."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_NUMBERS = 2**20
"""How many are looked at at a time: copies of all images would be large."""


class NotApplicableError(Exception):
    """The number does not exist for this model; the message becomes the reason in the table."""


class UnusableError(Exception):
    """A method of the model raised or returned what cannot be used; the message says how to fix it.

    Attributes:
        call: The method with its arguments, as ``posterior(x)``.
        found: What it did.
        expected: What it should have returned; may be empty.
        fix: The shortest way there; may be empty.
    """

    def __init__(self, call: str, found: str, expected: str = "", fix: str = "") -> None:
        self.call, self.found, self.expected, self.fix = call, found, expected, fix
        expectation = f"; expected {expected}" if expected else ""
        super().__init__(f"{call} {found}{expectation}" + (f": {fix}" if fix else ""))


class NonFiniteError(ArithmeticError):
    """Some per-datum values are infinite or NaN; they are never averaged."""


@dataclass(frozen=True)
class Estimate:
    """A mean, its standard error over the data, and the number of data."""

    value: float
    stderr: float | None
    n: int


def require_finite(values: Tensor) -> None:
    """Raise unless every value is finite.

    Raises:
        NonFiniteError: Gives the number of data with such values, and the first.
    """
    flat = values.reshape(len(values), -1)
    parts = torch.split(flat, max(1, _NUMBERS // max(1, flat.shape[1])))
    rows = ~torch.cat([torch.isfinite(part).all(dim=1) for part in parts])
    if rows.any():
        first = int(rows.nonzero()[0])
        raise NonFiniteError(
            f"{int(rows.sum())} of {len(values)} data have a non-finite value;"
            f" the first is datum {first}"
        )


def mean_and_stderr(values: Tensor) -> Estimate:
    """Return the mean of per-datum values (N,) and its standard error s / sqrt(N).

    Computed in float64. With one datum the standard error is unknown (None).

    Example:
        >>> mean_and_stderr(torch.tensor([1.0, 3.0]))
        Estimate(value=2.0, stderr=1.0, n=2)
    """
    require_finite(values)
    exact = values.double()
    n = len(exact)
    stderr = float(exact.std(correction=1)) / math.sqrt(n) if n > 1 else None
    return Estimate(float(exact.mean()), stderr, n)
