"""What an evaluator is, and the table of all of them.

An evaluator is a function from one :class:`Block` of data to per-datum values, beside one frozen
record. Means, standard errors, seeds, batching and eval mode are the runner's business.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.inference.bounds import ElboTerms, elbo_terms

Kind = Literal["exact", "lower_bound", "upper_bound", "estimate"]
Better = Literal["higher", "lower", "none"]


class NotApplicableError(Exception):
    """The number does not exist for this model; the message becomes the reason in the table."""


class EvaluatorOptions(Options):
    """Base of all evaluator options; they are part of the number's identity."""


@dataclass
class Block:
    """Some data, the model (bound to their labels if conditional), and where noise comes from.

    ``n_levels`` is the number of grey levels when the data are dequantised, else None.
    """

    model: Any
    x: Tensor
    stream: Stream
    n_levels: int | None = None
    _terms: dict[int, ElboTerms] = field(default_factory=dict)

    def elbo_terms(self, n_samples: int) -> ElboTerms:
        """Return the ELBO's terms, computed once for all evaluators that read them.

        They share one noise stream, so ``elbo = reconstruction_log_prob - kl`` holds to rounding.
        """
        if n_samples not in self._terms:
            with self.stream.child("elbo_terms").seeded():
                self._terms[n_samples] = elbo_terms(
                    self.model, self.x, n_samples, control_variate=True
                )
        return self._terms[n_samples]


@dataclass(frozen=True)
class PerDatum:
    """Values (B,) or (B, D); a kind or a remark where the model decides on it."""

    values: Tensor
    kind: Kind | None = None
    remark: str = ""


Function = Callable[[Block, Any], PerDatum]
Reduction = Callable[[Tensor, Any], Estimate]


def _mean(values: Tensor, options: EvaluatorOptions) -> Estimate:
    return mean_and_stderr(values)


@dataclass(frozen=True)
class Evaluator:
    """A metric's name, meaning and function. ``needs`` lists alternatives: one of them suffices."""

    name: str
    version: int
    needs: tuple[type, ...]
    unit: str
    better: Better
    kind: Kind
    title: str
    formula: str
    description: str
    cites: tuple[str, ...]
    options: type[EvaluatorOptions]
    function: Function
    reduce: Reduction = _mean
    per_dimension: bool = False

    def record(self) -> dict[str, Any]:
        """Return what a report needs to know, as plain data."""
        plain = ("name", "version", "unit", "better", "kind", "title", "formula", "description")
        return {k: getattr(self, k) for k in plain} | {"cites": list(self.cites)}


evaluators: Registry[Evaluator] = Registry("evaluator")


def evaluator(
    *,
    name: str,
    version: int,
    needs: type | tuple[type, ...],
    unit: str,
    better: Better,
    kind: Kind,
    title: str,
    formula: str,
    cites: tuple[str, ...] = (),
    options: type[EvaluatorOptions] = EvaluatorOptions,
    reduce: Reduction = _mean,
    per_dimension: bool = False,
) -> Callable[[Function], Function]:
    """Register an evaluator; its docstring's first paragraph becomes the description.

    Args:
        name: The metric's name in every table.
        version: Raised whenever the number can change for the same model and data.
        needs: The capability a model must have, or a tuple of which one suffices.
        unit: Of the value.
        better: Which direction is better, ``none`` where neither is.
        kind: What the value is of the quantity it is named for, in expectation.
        title: What a person calls it.
        formula: In plain Unicode.
        cites: Papers, as ``Author2016:eq8``.
        options: The pydantic class of its options.
        reduce: From all values to one estimate; the mean unless said.
        per_dimension: Values are (B, D), one row of the table per dimension.
    """

    def register(function: Function) -> Function:
        description = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        alternatives = needs if isinstance(needs, tuple) else (needs,)
        record = Evaluator(
            name, version, alternatives, unit, better, kind, title, formula, description, cites,
            options, function, reduce, per_dimension,
        )  # fmt: skip
        evaluators.add(name, record)
        return function

    return register
