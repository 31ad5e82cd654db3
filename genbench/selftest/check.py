"""What a check is, how it runs a shipped evaluator, and the ways to compare.

1. An identity holds for each datum to rounding.
2. An expectation that is known for each datum holds on average: the errors of the data are
   independent, and their spread gives the standard error.
3. The mean of importance weights over p(x) is exactly 1, for any number of draws: the exponential
   of an estimate minus the exact log p(x) averages to 1, without the bias of the logarithm.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genbench.core.claims import Claim, holds
from genbench.core.devices import on_device
from genbench.core.seeding import Stream, generator
from genbench.evaluation.runner import Row, evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.training.precision import products_in

Array = npt.NDArray[np.float64]

LIMIT = 4.0
"""Standard errors beyond which an estimate is wrong."""

ROUNDING = 1e-10
"""Tolerance of an identity, in the unit of the estimate, unless the check says otherwise."""

SEED = 0
CPU = torch.device("cpu")
_device: ContextVar[torch.device] = ContextVar("device", default=CPU)


@contextmanager
def evaluating_on(device: torch.device) -> Iterator[None]:
    """Run evaluators on a device inside the block; the exact answers stay in numpy."""
    token = _device.set(device)
    try:
        with on_device(device), products_in("float32"):
            yield
    finally:
        _device.reset(token)


class NotMeasuredError(Exception):
    """An evaluator gave no number; the message says why."""

    def __init__(self, estimator: str, reason: str) -> None:
        super().__init__(reason)
        self.estimator = estimator


@dataclass(frozen=True)
class CalibrationCheck:
    """One estimate beside the exact answer.

    Attributes:
        estimator: The evaluator, with its part if it has parts.
        case: The model and its options.
        exact: The expected value of the estimate.
        estimate: The number that the evaluator gave.
        stderr: Standard error of ``estimate - exact``; None for an identity.
        tolerance: Added to 4 standard errors: rounding, or a known bias.
        claim: Whether the estimate should equal the exact answer or lie on one side of it.
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
        """The error in standard errors, where they decide and not the tolerance alone."""
        if not self.stderr or LIMIT * self.stderr < self.tolerance:
            return None
        return (self.estimate - self.exact) / self.stderr

    @property
    def passed(self) -> bool:
        """Whether the claim holds; false if a number is not finite."""
        allowed = LIMIT * (self.stderr or 0.0) + self.tolerance
        return holds(self.claim, self.estimate, self.exact, allowed)

    def row(self) -> dict[str, Any]:
        """Return the check as plain data; numbers that are not finite become None."""
        numbers = {
            "exact": self.exact,
            "estimate": self.estimate,
            "stderr": self.stderr,
            "z": self.z,
            "tolerance": self.tolerance,
        }
        finite = {k: None if v is None or not math.isfinite(v) else v for k, v in numbers.items()}
        verdict = {"claim": self.claim, "verdict": "ok" if self.passed else "wrong"}
        name = {"estimator": self.estimator, "case": self.case}
        return name | finite | verdict | {"reason": self.reason}


class Estimates(NamedTuple):
    """What an evaluator returned: its rows by metric, and the values of the data, (N,) or (N, P).

    Its methods compare them with exact answers; ``part`` selects one column of the values.
    """

    evaluator: str
    rows: Mapping[str, Row]
    per_datum: Array | None

    @property
    def parts(self) -> list[str]:
        """The texts in brackets of the metrics ``name[part]``; empty for those without."""
        return [metric.partition("[")[2].rstrip("]") for metric in self.rows]

    @property
    def numbers(self) -> list[float]:
        """The number of each row."""
        return [math.nan if row.value is None else row.value for row in self.rows.values()]

    @property
    def number(self) -> float:
        """The number of the only row."""
        (number,) = self.numbers
        return number

    def values(self, part: str = "") -> Array:
        """Return the values of the data, (N,)."""
        assert self.per_datum is not None
        return self.per_datum[:, self.parts.index(part)] if part else self.per_datum

    def _named(self, part: str) -> str:
        return f"{self.evaluator}[{part}]" if part else self.evaluator

    def identity(
        self, case: str, exact: Array, part: str = "", tolerance: float = ROUNDING
    ) -> CalibrationCheck:
        """Compare each datum; the check shows the one with the largest error."""
        values = self.values(part)
        error = np.abs(values - exact)
        worst = int(np.nanargmax(np.where(np.isnan(error), np.inf, error)))
        pair = float(exact[worst]), float(values[worst])
        return CalibrationCheck(self._named(part), case, *pair, tolerance=tolerance)

    def expectation(
        self,
        case: str,
        exact: Array | float,
        part: str = "",
        tolerance: float = 0.0,
        claim: Claim = "=",
    ) -> CalibrationCheck:
        """Compare the mean over independent data with the mean of their exact expectations."""
        values = self.values(part)
        error = values - exact
        stderr = float(error.std(ddof=1)) / math.sqrt(len(error))
        pair = float(np.mean(exact)), float(values.mean())
        return CalibrationCheck(self._named(part), case, *pair, stderr, tolerance, claim)

    def mean(self, case: str, exact: float) -> CalibrationCheck:
        """Compare the number with its expectation, by its stated Monte-Carlo error."""
        stderr = self.rows[self.evaluator].mc_stderr
        return CalibrationCheck(self.evaluator, case, exact, self.number, stderr, ROUNDING)

    def unbiased_weight(self, case: str, log_px: Array) -> Iterator[CalibrationCheck]:
        """Compare the mean of exp(estimate - log p(x)) with 1, and the estimate with log p(x).

        The first comparison is blind to an estimate that is far too large, because the standard
        error grows as fast as the mean; the second then fails: the logarithm must be lower.
        """
        ratio = self._replace(per_datum=np.exp(self.values() - log_px))
        yield ratio.expectation(f"{case}: mean of p̂(x)/p(x)", 1.0)
        yield self.expectation(f"{case}: at most log p(x)", log_px, claim="<=")

    def stated_error(self, case: str, exact: float, relative: float) -> CalibrationCheck:
        """Compare the Monte-Carlo standard error in the row with the exact one."""
        stated = self.rows[self.evaluator].mc_stderr
        return CalibrationCheck(
            self.evaluator, f"{case}: stated Monte-Carlo error", exact,
            math.nan if stated is None else stated, tolerance=relative * exact,
        )  # fmt: skip


def run_evaluator(
    model: Any,
    name: str,
    x: Tensor,
    options: Mapping[str, Any] | None = None,
    reference: Callable[[str], Any] | None = None,
    **known: Tensor,
) -> Estimates:
    """Run the shipped evaluator ``name`` on data x (N, ...), as a suite runs it.

    Args:
        model: Any model.
        name: The evaluator's name.
        x: Data.
        options: The evaluator's options.
        reference: The training images in a feature space, for an evaluator of samples.
        known: Data in fields of :class:`~genbench.evaluation.spec.Context`.

    Raises:
        NotMeasuredError: The evaluator gave no number.
    """
    stream, task, device = Stream(SEED, ("selftest", name)), make_task(name, options), _device.get()
    if isinstance(model, nn.Module) and device.type != "cpu":
        model = copy.deepcopy(model).to(device)  # its exact answers may still be asked for
    there: dict[str, Any] = {key: value.to(device) for key, value in known.items()}
    context = Context(model, stream, reference=reference, **there)
    (outcome,) = evaluate_model(x.to(device), None, [task], context, name)
    bad = [row.reason for row in outcome.rows if row.status != "ok"]
    if bad or not outcome.rows:
        raise NotMeasuredError(name, bad[0] if bad else "it does not apply")
    per_datum = None if outcome.per_datum is None else as_array(outcome.per_datum)
    return Estimates(name, {row.metric: row for row in outcome.rows}, per_datum)


def as_array(tensor: Tensor) -> Array:
    """Return a tensor as a float64 array."""
    return np.asarray(tensor.detach().cpu().double())


def standard_normal(*shape: int, seed: int | str) -> Tensor:
    """Draw standard normal numbers in float64, the same for the same seed."""
    return torch.randn(*shape, dtype=torch.float64, generator=generator(SEED, "selftest", seed))
