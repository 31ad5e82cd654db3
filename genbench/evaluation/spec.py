"""What an evaluator is, and the table of all of them.

An evaluator is a function from one :class:`Block` of data to per-datum values, beside one frozen
record. Means, standard errors, seeds, batching and eval mode are the runner's business.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from genbench.core.capabilities import ConditionsOnPixels
from genbench.core.estimate import Estimate, mean_and_stderr
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.inference import bounds
from genbench.inference.bounds import ElboTerms, elbo_terms
from genbench.inference.weights import ImportanceWeights

Kind = Literal["exact", "lower_bound", "upper_bound", "estimate"]
Better = Literal["higher", "lower", "none"]
Source = Literal["posterior", "prior"]
"""Where weighted draws of the latent come from."""


class NotApplicableError(Exception):
    """The number does not exist for this model; the message becomes the reason in the table."""


class EvaluatorOptions(Options):
    """Base of all evaluator options; they are part of the number's identity."""


@dataclass
class Context:
    """What is the same for all blocks of one evaluation of one model.

    Attributes:
        model: The model itself; a conditional one without labels bound.
        stream: For what is drawn once per evaluation.
        validation: Validation data (N, ...), for what must not be chosen on the test data.
        n_levels: Number of grey levels when the data are dequantised, else None.
        log_py: Log frequency of each label in the training data, (n_classes,).
        cache: What an evaluator computes once and reads in later blocks, under its own name.
    """

    model: Any
    stream: Stream
    validation: Tensor | None = None
    n_levels: int | None = None
    log_py: Tensor | None = None
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """Some data, the model (bound to their labels if conditional), and where noise comes from."""

    model: Any
    x: Tensor
    stream: Stream
    context: Context
    _terms: dict[int, ElboTerms] = field(default_factory=dict)
    _weights: dict[tuple[Source, int], ImportanceWeights] = field(default_factory=dict)

    @property
    def n_dims(self) -> int:
        """Numbers in the part of a datum that the model's densities are about."""
        model = self.context.model
        if isinstance(model, ConditionsOnPixels):
            return int(model.hidden().sum())
        return self.x[0].numel()

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

    def importance_weights(
        self, source: Source, n_samples: int, chunk_size: int | None
    ) -> ImportanceWeights:
        """Return weighted draws of the latent, decoded once for all evaluators that ask for K."""
        key = (source, n_samples)
        if key not in self._weights:
            of_posterior = source == "posterior"
            weigh = bounds.importance_weights if of_posterior else bounds.prior_weights
            stream = self.stream.child("iw_log_likelihood" if of_posterior else "prior_draws")
            self._weights[key] = weigh(self.model, self.x, n_samples, chunk_size, stream)
        return self._weights[key]


@dataclass(frozen=True)
class PerDatum:
    """What an evaluator says of each datum of a block.

    Attributes:
        values: (B,), or (B, P) for an evaluator with parts.
        kind: What the values are, where the model decides on it.
        remark: Stands beside the number in the table.
        mc_variance: (B,), variance of each value from finitely many draws of the latent.
        health: Diagnostics of the estimator, each (B,): ``ess``, ``max_weight``, ``k_hat``,
            ``acceptance``, ``step_size``.
        parts: Names of the P parts; their indices unless said.
    """

    values: Tensor
    kind: Kind | None = None
    remark: str = ""
    mc_variance: Tensor | None = None
    health: Mapping[str, Tensor] = field(default_factory=dict)
    parts: tuple[str, ...] | None = None


Function = Callable[[Block, Any], PerDatum]
Reduction = Callable[[Tensor, Any], Estimate | dict[str, Estimate]]


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
    has_parts: bool = False
    marginal_metric: str | None = None

    @property
    def metric(self) -> str:
        """The metric's name in tables."""
        return self.marginal_metric or self.name

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
    has_parts: bool = False,
    marginal_metric: str | None = None,
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
        reduce: From all values to one estimate, or to one per part; the mean unless said.
        has_parts: Values are (B, P), one row ``name[part]`` of the table per part.
        marginal_metric: The evaluator sums a conditional model's label out: it sees the model
            without labels, and its number stands under this metric's name in the protocol of
            models without a condition. Where it does not apply there is no row.
    """

    def register(function: Function) -> Function:
        description = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        alternatives = needs if isinstance(needs, tuple) else (needs,)
        record = Evaluator(
            name, version, alternatives, unit, better, kind, title, formula, description, cites,
            options, function, reduce, has_parts, marginal_metric,
        )  # fmt: skip
        evaluators.add(name, record)
        return function

    return register
