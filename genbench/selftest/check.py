"""What a check is, how a shipped evaluator is run for it, and the three ways to compare.

1. An identity holds for each datum to rounding.
2. An expectation that is known for each datum holds on average: the errors of the data are
   independent, and their spread gives the standard error.
3. The mean of importance weights over p(x) is exactly 1, for any number of draws: the exponential
   of an estimate less the exact log p(x) averages to 1, without the bias that the logarithm has.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genbench.core.seeding import Stream, generator
from genbench.evaluation.runner import Row, evaluate_model, make_task
from genbench.evaluation.spec import Context

Array = npt.NDArray[np.float64]
Claim = Literal["=", "<=", ">="]

LIMIT = 4.0
"""Standard errors beyond which an estimate is wrong."""

ROUNDING = 1e-10
"""Tolerance of an identity, in the unit of the estimate, unless the check says otherwise."""

SEED = 0


class NotMeasuredError(Exception):
    """An evaluator gave no number; the message says why."""

    def __init__(self, estimator: str, reason: str) -> None:
        super().__init__(reason)
        self.estimator = estimator


@dataclass(frozen=True)
class Check:
    """One estimate beside the exact answer.

    Attributes:
        estimator: The evaluator, with its part if it has parts.
        case: Which model and which options.
        exact: What the estimate should be, in expectation.
        estimate: What the evaluator gave.
        stderr: Standard error of ``estimate - exact``; None for an identity.
        tolerance: What may be added to 4 standard errors: rounding, or a bias that is stated.
        claim: Whether the estimate should equal the exact answer, or lie on one side of it.
        reason: Why there is no estimate.
    """

    estimator: str
    case: str
    exact: float
    estimate: float
    stderr: float | None = None
    tolerance: float = 0.0
    claim: Claim = "="
    reason: str = ""

    @property
    def z(self) -> float | None:
        """The error in standard errors, where there is one."""
        return (self.estimate - self.exact) / self.stderr if self.stderr else None

    @property
    def passed(self) -> bool:
        """Whether the estimate lies where it should; false if anything is not finite."""
        error = self.estimate - self.exact
        if not math.isfinite(error):
            return False
        allowed = LIMIT * (self.stderr or 0.0) + self.tolerance
        above, below = error <= allowed, -error <= allowed
        return {"=": above and below, "<=": above, ">=": below}[self.claim]

    def row(self) -> dict[str, Any]:
        """Return the check as plain data; None stands for what is not finite."""
        numbers = {
            "exact": self.exact,
            "estimate": self.estimate,
            "stderr": self.stderr,
            "z": self.z,
            "tolerance": self.tolerance,
        }
        finite = {k: None if v is None or not math.isfinite(v) else v for k, v in numbers.items()}
        verdict = "ok" if self.passed else "wrong"
        told = {"claim": self.claim, "verdict": verdict, "reason": self.reason}
        return {"estimator": self.estimator, "case": self.case, **finite, **told}


class Measured(NamedTuple):
    """What an evaluator said: its rows by metric, and (N,) or (N, P) values of the data."""

    rows: dict[str, Row]
    per_datum: Tensor | None
    parts: tuple[str, ...]

    @property
    def values(self) -> Array:
        """The values of the data, in float64."""
        assert self.per_datum is not None
        return numpy(self.per_datum)

    @property
    def numbers(self) -> list[float]:
        """The numbers that stand in the table, one per row."""
        return [math.nan if row.value is None else row.value for row in self.rows.values()]

    @property
    def value(self) -> float:
        """The number that stands in the table, where there is one row."""
        (value,) = self.numbers
        return value

    def part(self, name: str) -> Array:
        """The values (N,) of one part."""
        values: Array = self.values[:, self.parts.index(name)]
        return values


def measure(
    model: Any,
    name: str,
    x: Tensor,
    options: Mapping[str, Any] | None = None,
    **known: Any,
) -> Measured:
    """Run the shipped evaluator ``name`` on data x (N, ...), as a suite runs it.

    Args:
        model: Any model.
        name: The evaluator's name.
        x: Data.
        options: The evaluator's options.
        known: Fields of :class:`~genbench.evaluation.spec.Context`.

    Raises:
        NotMeasuredError: There is no number.
    """
    stream = Stream(SEED, ("selftest", name))
    task = make_task(name, options)
    (found,) = evaluate_model(x, None, [task], Context(model, stream, **known), name)
    bad = [row.reason for row in found.rows if row.status != "ok"]
    if bad or not found.rows:
        raise NotMeasuredError(name, bad[0] if bad else "it does not apply")
    rows = {row.metric: row for row in found.rows}
    return Measured(rows, found.per_datum, tuple(part_of(metric) for metric in rows))


def part_of(metric: str) -> str:
    """Return the text in brackets of ``name[part]``, or nothing."""
    return metric.partition("[")[2].rstrip("]")


def numpy(tensor: Tensor) -> Array:
    """Return a tensor as a float64 array."""
    found: Array = tensor.detach().cpu().double().numpy()
    return found


def normal(*shape: int, seed: int | str) -> Tensor:
    """Draw standard normal numbers in float64, the same for the same seed."""
    return torch.randn(*shape, dtype=torch.float64, generator=generator(SEED, "selftest", seed))


def identity(
    estimator: str, case: str, exact: Array, values: Array, tolerance: float = ROUNDING
) -> Check:
    """Compare each datum; the check shows the one that is farthest off."""
    error = np.abs(values - exact)
    worst = int(np.nanargmax(np.where(np.isnan(error), np.inf, error)))
    return Check(estimator, case, float(exact[worst]), float(values[worst]), tolerance=tolerance)


def expectation(
    estimator: str,
    case: str,
    exact: Array | float,
    values: Array,
    tolerance: float = 0.0,
    claim: Claim = "=",
) -> Check:
    """Compare the mean over independent data with the mean of their exact expectations."""
    error = values - exact
    stderr = float(error.std(ddof=1)) / math.sqrt(len(error))
    mean = float(np.mean(exact))
    return Check(estimator, case, mean, float(values.mean()), stderr, tolerance, claim)


def unbiased_weight(estimator: str, case: str, log_px: Array, values: Array) -> Iterator[Check]:
    """Compare the mean of exp(estimate - log p(x)) with 1, and the estimate itself with log p(x).

    An estimate that is far too large makes the first comparison blind, because the standard error
    grows as fast as the mean; then the second fails, since the logarithm must lie below.
    """
    ratio = np.exp(values - log_px)
    yield expectation(estimator, f"{case}: mean of p̂(x)/p(x)", 1.0, ratio)
    yield expectation(estimator, f"{case}: at most log p(x)", log_px, values, claim="<=")


def stated_error(estimator: str, case: str, exact: float, row: Row, relative: float) -> Check:
    """Compare the Monte-Carlo standard error that an evaluator states with the exact one."""
    stated = math.nan if row.mc_stderr is None else row.mc_stderr
    title = f"{case}: Monte-Carlo error it states"
    return Check(estimator, title, exact, stated, tolerance=relative * exact)
