"""What an evaluator is, and the registry of all evaluators.

An evaluator is a function from one :class:`Block` of data to per-datum values, with the record of
its metric. The runner takes care of means, standard errors, seeds, batching and eval mode.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal

from pydantic import ValidationError
from torch import Tensor

from genbench.core.capabilities import ConditionsOnPixels
from genbench.core.errors import ConfigError
from genbench.core.estimate import Estimate
from genbench.core.estimate import NotApplicableError as NotApplicableError
from genbench.core.metric import Kind, Metric
from genbench.core.options import Options, explain
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.inference import bounds
from genbench.inference.bounds import ElboTerms, elbo_terms
from genbench.inference.weights import ImportanceWeights

Source = Literal["posterior", "prior"]
"""The distribution that weighted draws of the latent come from."""


class EvaluatorOptions(Options):
    """Base of all evaluator options; they are part of the number's identity.

    ``names`` are the names of options in tables; an empty name hides an option that changes the
    number's noise but not its meaning. ``chunk_size`` and ``n_data`` are never shown as options.
    """

    names: ClassVar[dict[str, str]] = {}


@dataclass
class Context:
    """What all blocks of one evaluation of one model share.

    Attributes:
        model: The model itself; a conditional one has no labels bound.
        stream: Randomness for what is drawn once per evaluation.
        validation: Validation data (N, ...), for choices that must not use the test data.
        n_levels: Number of grey levels if the data are dequantised, else None.
        log_py: Log frequency of each label in the training data, (n_classes,).
        cache: What an evaluator computes once for all blocks, under its own name.
    """

    model: Any
    stream: Stream
    validation: Tensor | None = None
    n_levels: int | None = None
    log_py: Tensor | None = None
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """Some data, the model (bound to their labels if conditional), and a stream of noise."""

    model: Any
    x: Tensor
    stream: Stream
    context: Context
    _terms: dict[int, ElboTerms] = field(default_factory=dict)
    _weights: dict[tuple[Source, int], ImportanceWeights] = field(default_factory=dict)

    @property
    def n_dims(self) -> int:
        """Number of dimensions of a datum that the model's densities cover."""
        model = self.context.model
        if isinstance(model, ConditionsOnPixels):
            return int(model.hidden().sum())
        return self.x[0].numel()

    def elbo_terms(self, n_samples: int) -> ElboTerms:
        """Return the ELBO's terms, computed once for all evaluators that use them.

        They share one noise stream, so ``elbo = reconstruction_log_prob - kl`` up to rounding.
        """
        if n_samples not in self._terms:
            with self.stream.child("elbo_terms").seeded():
                terms = elbo_terms(self.model, self.x, n_samples, control_variate=True)
            self._terms[n_samples] = terms
        return self._terms[n_samples]

    def importance_weights(
        self, source: Source, n_samples: int, chunk_size: int | None
    ) -> ImportanceWeights:
        """Return K weighted draws of the latent, decoded once for all evaluators that use K."""
        key = (source, n_samples)
        if key not in self._weights:
            of_posterior = source == "posterior"
            weigh = bounds.importance_weights if of_posterior else bounds.prior_weights
            stream = self.stream.child("iw_log_likelihood" if of_posterior else "prior_draws")
            self._weights[key] = weigh(self.model, self.x, n_samples, chunk_size, stream)
        return self._weights[key]


@dataclass(frozen=True)
class PerDatum:
    """An evaluator's values for the data of one block.

    Attributes:
        values: (B,), or (B, P) for an evaluator with parts.
        kind: The kind of the values, if it depends on the model.
        remark: Shown beside the number in the table.
        mc_variance: (B,), Monte-Carlo variance of each value, from the draws of the latent.
        health: Diagnostics of the estimator, each (B,): ``ess``, ``max_weight``, ``k_hat``,
            ``acceptance``, ``step_size``.
        parts: Names of the P parts; by default their indices.
    """

    values: Tensor
    kind: Kind | None = None
    remark: str = ""
    mc_variance: Tensor | None = None
    health: Mapping[str, Tensor] = field(default_factory=dict)
    parts: tuple[str, ...] | None = None


Function = Callable[[Block, Any], PerDatum]
Reduction = Callable[[Tensor, Any], Estimate | dict[str, Estimate]]


@dataclass(frozen=True)
class Evaluator:
    """A metric's record and its function, as registered by :func:`evaluator`."""

    name: str
    record: Metric
    needs: tuple[type, ...]
    options: type[EvaluatorOptions]
    function: Function
    reduce: Reduction | None = None

    @property
    def metric(self) -> str:
        """The metric's name in tables."""
        return self.record.marginal_metric or self.name

    @property
    def is_marginal(self) -> bool:
        """Whether it sums out the label of a conditional model."""
        return self.record.marginal_metric is not None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: functions in a user's script, such as lambdas, may not pickle."""
        return _registered, (self.name, self.function.__module__)


evaluators: Registry[Evaluator] = Registry("evaluator")


def _registered(name: str, module: str) -> Evaluator:
    import_module(module)  # registers it in another process
    return evaluators[name]


def evaluator(
    *,
    name: str,
    needs: type | tuple[type, ...],
    options: type[EvaluatorOptions] = EvaluatorOptions,
    reduce: Reduction | None = None,
    **record: Any,
) -> Callable[[Function], Function]:
    """Register an evaluator; its docstring's first paragraph becomes the description.

    Args:
        name: The metric's name in every table.
        needs: The capability that a model must have, or a tuple of alternatives.
        options: The pydantic class of its options.
        reduce: From all values to one estimate, or to one per part; by default the mean.
        record: The other fields of :class:`genbench.core.metric.Metric`: ``version``, ``unit``,
            ``better``, ``kind`` and ``title`` are required. With ``parts`` and without ``reduce``,
            values are (B, P), and each part has a row ``name[part]``. With ``marginal_metric``
            the evaluator gets a conditional model without labels, and its number is listed under
            that metric's name in the protocol of unconditional models; if it does not apply there
            is no row.

    Raises:
        ConfigError: A field is missing, unknown or wrong.
    """

    def register(function: Function) -> Function:
        description = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        alternatives = needs if isinstance(needs, tuple) else (needs,)
        fields = {"description": description, "option_names": options.names} | record
        try:
            metric = Metric.model_validate(fields | {"name": name})
        except ValidationError as error:
            raise ConfigError(explain(error, f"evaluator.{name}", Metric)) from error
        entry = Evaluator(name, metric, alternatives, options, function, reduce)
        evaluators.add(name, entry, function)
        return function

    return register
