"""What an evaluator returns: values for each datum, or estimates; checked, and refused by shape."""

import math
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.core.errors import GenbenchError, first_line
from genbench.core.estimate import (
    Estimate,
    NonFiniteError,
    NotApplicableError,
    UnusableError,
)
from genbench.core.metric import Kind, Metric


@dataclass(frozen=True)
class PerDatum:
    """An evaluator's values for the data of one block.

    Attributes:
        values: (B,), or (B, P) for an evaluator with parts.
        kind: The kind of the values, if it depends on the model.
        remark: Shown beside the number in the table.
        mc_variance: (B,) or shaped as ``values``: the Monte-Carlo variance of each, from the draws
            of the latent; NaN where it is unknown, None where nothing is drawn.
        health: Diagnostics of the estimator, each (B,): ``ess``, ``max_weight``, ``k_hat``,
            ``acceptance``, ``step_size``.
        parts: Names of the P parts; by default their indices.
        by_draw: (K, B) in place of ``mc_variance`` where all data share K draws: what each draw
            contributes to each value, which is, to first order, their mean and a constant.
    """

    values: Tensor
    kind: Kind | None = None
    remark: str = ""
    mc_variance: Tensor | None = None
    health: Mapping[str, Tensor] = field(default_factory=dict)
    parts: tuple[str, ...] | None = None
    by_draw: Tensor | None = None


@dataclass(frozen=True)
class Noted(Estimate):
    """An estimate with what stands beside it.

    Attributes:
        remark: Shown beside the number in the table.
        health: Further numbers, such as a p-value, which are stored with it.
    """

    remark: str = ""
    health: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """The values that a metric is expected to return for n data."""

    metric: Metric
    reduced: bool
    n: int

    @property
    def call(self) -> str:
        """The call, as messages name it."""
        return f"{self.metric.name}(block)"

    @property
    def expected(self) -> str:
        """The shape, in words."""
        if self.reduced:
            return f"a tensor with a row for each image of the block, ({self.n}, ...)"
        if self.metric.parts:
            return f"a row for each image of the block and a column for each part, ({self.n}, P)"
        return f"one value for each image of the block, ({self.n},)"

    def wrong(self, found: str, fix: str = "") -> UnusableError:
        """Return the error for what was found."""
        return UnusableError(self.call, found, self.expected, fix)

    def check(self, found: Any) -> PerDatum:
        """Return what a function returned, as values of this form.

        Raises:
            UnusableError: It is something else.
        """
        piece = found if isinstance(found, PerDatum) else PerDatum(found)
        values = self._tensor(piece.values)
        shape = tuple(values.shape)
        if not shape:
            raise self.wrong("returned one number", BLOCKWISE)
        if len(values) != self.n:
            raise self.wrong(f"returned the shape {shape}")
        if not self.reduced and values.ndim != (2 if self.metric.parts else 1):
            fix = "declare `parts={}` to list columns, or a `reduce`" if values.ndim > 1 else ""
            raise self.wrong(f"returned the shape {shape}", fix)
        if piece.parts is not None and not self.reduced and len(piece.parts) != shape[1]:
            raise self.wrong(f"named {len(piece.parts)} parts for the shape {shape}")
        variances = piece.mc_variance
        if variances is not None and tuple(variances.shape) not in ((self.n,), shape):
            raise self.wrong(f"gave variances of the shape {tuple(variances.shape)}")
        return replace(piece, values=values)

    def _tensor(self, values: Any) -> Tensor:
        if isinstance(values, np.ndarray | list | tuple | float | int | np.number):
            values = self._from_array(values)
        if not isinstance(values, Tensor):
            what = "nothing" if values is None else f"a {type(values).__name__}"
            raise self.wrong(f"returned {what}")
        if values.is_complex():
            raise self.wrong("returned complex numbers")
        return values if values.is_floating_point() else values.double()

    def _from_array(self, values: Any) -> Tensor:
        if isinstance(values, list | tuple) and any(isinstance(v, Tensor) for v in values):
            raise self.wrong(f"returned a {type(values).__name__} of tensors", "stack them")
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise self.wrong(f"returned an array of type {array.dtype}")
        return torch.as_tensor(array)


BLOCKWISE = (
    "a block is a part of the data; for a number of all data return what it is computed from and"
    " declare a `reduce`"
)


def checked_estimates(
    found: Any, metric: Metric, call: str, n: int
) -> Estimate | dict[str, Estimate]:
    """Return what a ``call`` returned: an estimate or a number, or one for each part.

    Raises:
        UnusableError: It is something else.
        NonFiniteError: A number is infinite or NaN.
    """
    if not isinstance(found, Mapping):
        return _estimate(found, call, n)
    if metric.parts is None:
        raise UnusableError(call, "returned parts", "one number", "declare `parts={}`")
    return {str(part): _estimate(value, call, n) for part, value in found.items()}


def _estimate(found: Any, call: str, n: int) -> Estimate:
    estimate = found if isinstance(found, Estimate) else Estimate(_number(found, call), None, n)
    if not math.isfinite(estimate.value) or not math.isfinite(estimate.stderr or 0):
        raise NonFiniteError(f"{call} returned {estimate.value} ± {estimate.stderr}")
    return estimate


def _number(found: Any, call: str) -> float:
    if isinstance(found, Tensor | np.ndarray) and found.ndim == 0:
        return float(found)
    if isinstance(found, float | int | np.number):
        return float(found)
    shape = getattr(found, "shape", None)
    what = f"the shape {tuple(shape)}" if shape else f"a {type(found).__name__}"
    raise UnusableError(call, f"returned {what}", "a number or a genbench.Estimate")


@contextmanager
def blamed(function: Callable[..., Any], call: str) -> Iterator[None]:
    """Say of an error in a function of a user's in which of its lines it happened."""
    try:
        yield
    except (GenbenchError, NotApplicableError, NotImplementedError, UnusableError):
        raise
    except Exception as error:
        code = getattr(function, "__code__", None)
        if code is None or function.__module__.startswith("genbench."):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == code.co_filename]
        place = f" ({Path(code.co_filename).name}:{lines[-1]})" if lines else ""
        problem = f"raised {type(error).__name__}: {first_line(error)}{place}"
        raise UnusableError(call, problem) from error
