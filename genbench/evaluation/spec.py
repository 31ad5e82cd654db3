"""What an evaluator is, and the registry of all evaluators.

An evaluator is a function with the record of its metric: from one :class:`Block` of data to
per-datum values, or from the :class:`~genbench.evaluation.generated.Generated` images of a model to
an estimate. The runner takes care of means, standard errors, seeds, batching and eval mode.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor

from genbench.core.capabilities import ConditionsOnPixels
from genbench.core.estimate import Estimate
from genbench.core.estimate import NotApplicableError as NotApplicableError
from genbench.core.metric import Metric
from genbench.core.names import require_key
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.evaluation.declared import declared_metric, require_form
from genbench.evaluation.needs import Needs, alternatives
from genbench.evaluation.values import Form, blamed, checked_estimates
from genbench.evaluation.values import PerDatum as PerDatum
from genbench.inference import bounds, proposals
from genbench.inference.bounds import ElboTerms, elbo_terms
from genbench.inference.weights import ImportanceWeights

Of = Literal["data", "samples"]
"""What an evaluator looks at."""
Source = proposals.Name | Literal["prior"]
"""The distribution that weighted draws of the latent come from."""


class Sizes(NamedTuple):
    """Of what is evaluated: data, data in a block, and numbers in a datum."""

    n: int
    block: int
    n_pixels: int


class EvaluatorOptions(Options):
    """Base of all evaluator options; they are part of the number's identity.

    ``names`` are the names of options in tables; an empty name hides an option that changes the
    number's noise but not its meaning. ``chunk_size`` and ``n_data`` are never shown as options.
    """

    names: ClassVar[dict[str, str]] = {}

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the memory that is surely held at the same time, as far as the options say."""
        return 0

    def n_calls(self) -> int:
        """Return how often the model is called for a block, each time after the one before."""
        return 1


@dataclass
class Context:
    """What all blocks of one evaluation of one model share.

    Attributes:
        model: The model itself; a conditional one has no labels bound.
        stream: Randomness for what is drawn once per evaluation.
        validation: Validation data (N, ...), for choices that must not use the test data.
        n_levels: Number of grey levels if the data are dequantised, else None.
        log_py: Log frequency of each label in the training data, (n_classes,).
        reference: From the name of a feature space to the training images in it; None where they
            are not known.
        cache: What an evaluator computes once for all blocks, under its own name.
        shared: What it computes of the data alone, once for all models of these data.
    """

    model: Any
    stream: Stream
    validation: Tensor | None = None
    n_levels: int | None = None
    log_py: Tensor | None = None
    reference: Callable[[str], Any] | None = None
    cache: dict[str, Any] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)


@dataclass
class Block:
    """Some data with the model to evaluate on them.

    Attributes:
        model: The model; a conditional one is bound to the labels of these data.
        x: Images (B, C, H, W), as the model gets them.
        stream: Randomness of these data, addressed by name.
        context: What all blocks share.
        y: Labels (B,), where they are known.
    """

    model: Any
    x: Tensor
    stream: Stream
    context: Context
    y: Tensor | None = None
    _terms: dict[int, ElboTerms] = field(default_factory=dict)
    _elbo_draws: dict[int, Tensor] = field(default_factory=dict)
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

    def elbo_draws(self, n_samples: int) -> Tensor:
        """Return draws from the model's own bound, (K, B), the same for all evaluators."""
        if n_samples not in self._elbo_draws:
            with self.stream.child("elbo_draws").seeded():
                self._elbo_draws[n_samples] = self.model.elbo_draws(self.x, n_samples)
        return self._elbo_draws[n_samples]

    def importance_weights(
        self, source: Source, n_samples: int, chunk_size: int | None
    ) -> ImportanceWeights:
        """Return K weighted draws of the latent, decoded once for all evaluators that use K."""
        key = (source, n_samples)
        if key not in self._weights:
            self._weights[key] = self._draw_weights(source, n_samples, chunk_size)
        return self._weights[key]

    def _draw_weights(
        self, source: Source, n_samples: int, chunk_size: int | None
    ) -> ImportanceWeights:
        model, x = self.model, self.x
        if source == "prior":
            stream = self.stream.child("prior_draws")
            return bounds.prior_weights(model, x, n_samples, chunk_size, stream)
        stream = self.stream.child("iw_log_likelihood")
        return bounds.importance_weights(model, x, n_samples, chunk_size, stream, source)


Function = Callable[..., Any]
"""From a block, and options where it has any, to values: :class:`PerDatum`, tensor or array.

From generated images likewise to what a :data:`Reduction` returns.
"""
Reduction = Callable[..., Any]
"""From all values, and options where it has a second parameter, to a number or estimates."""


@dataclass(frozen=True)
class Evaluator:
    """A metric's record and its function, as registered by :func:`evaluator`."""

    name: str
    record: Metric
    needs: tuple[type, ...]
    options: type[Options]
    function: Function
    reduce: Reduction | None = None
    of: Of = "data"

    @property
    def metric(self) -> str:
        """The metric's name in tables."""
        return self.record.marginal_metric or self.name

    @property
    def is_marginal(self) -> bool:
        """Whether it sums out the label of a conditional model."""
        return self.record.marginal_metric is not None

    @property
    def keeps_values(self) -> bool:
        """Whether each number is a mean of values of the data, which are stored with it."""
        return self.of == "data" and self.reduce is None

    @property
    def is_shipped(self) -> bool:
        """Whether it comes with genbench."""
        return self.function.__module__.startswith("genbench.")

    def values(self, block: Block, options: Options) -> PerDatum:
        """Return the values of a block; they do not depend on what else is evaluated.

        Raises:
            UnusableError: The function raised or returned what is no value for each datum.
        """
        form = Form(self.record, self.reduce is not None, len(block.x))
        with blamed(self.function, form.call), block.stream.child("metric", self.name).seeded():
            found = self.function(*_taken(self.function, block, options))
        return form.check(found)

    def reduced(
        self, values: Tensor, options: Options, stream: Stream
    ) -> Estimate | dict[str, Estimate]:
        """Return what ``reduce`` makes of all values.

        Raises:
            UnusableError: It raised or returned what is no number.
            NonFiniteError: A number is infinite or NaN.
        """
        assert self.reduce is not None
        call = f"reduce of {self.name}"
        with blamed(self.reduce, call), stream.child("reduce", self.name).seeded():
            found = self.reduce(*_taken(self.reduce, values, options))
        return checked_estimates(found, self.record, call, len(values))

    def of_samples(
        self, generated: Any, options: Options, stream: Stream
    ) -> Estimate | dict[str, Estimate]:
        """Return what the function makes of generated images; raises as :meth:`reduced`."""
        call = f"{self.name}(generated)"
        with blamed(self.function, call), stream.child("metric", self.name).seeded():
            found = self.function(*_taken(self.function, generated, options))
        return checked_estimates(found, self.record, call, generated.n)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: functions in a user's script, such as lambdas, may not pickle."""
        return _registered, (self.name, self.function.__module__)


def _taken(function: Function | Reduction, what: Any, options: Options) -> tuple[Any, ...]:
    """Return the arguments that a function takes: options only as its second."""
    return (what, options)[: len(inspect.signature(function).parameters)]


evaluators: Registry[Evaluator] = Registry("evaluator", extensible=True)


def _registered(name: str, module: str) -> Evaluator:
    import_module(module)  # registers it in another process
    return evaluators[name]


def evaluator(
    *,
    name: str,
    needs: Needs,
    options: type[Options] = EvaluatorOptions,
    reduce: Reduction | None = None,
    of: Of = "data",
    **record: Any,
) -> Callable[[Function], Function]:
    """Register a metric; its docstring's first paragraph becomes the description.

    The function gets a :class:`genbench.Block`, and the options if it has a second parameter. It
    returns one value for each image, (B,): a tensor, an array, or :class:`genbench.PerDatum` where
    there is more to say. The runner takes care of means, standard errors, seeds and eval mode.

    Args:
        name: The metric's name in every table: letters, digits and ``_ - .``.
        needs: Methods that a model must have: ``"sample"`` or ``"encode, decode"``; a class from
            ``genbench.core.capabilities`` with these methods; or a tuple of alternatives.
        options: The class of its options, a subclass of :class:`genbench.Options`.
        reduce: Called with all values (N, ...), and the options if it has a second parameter, for
            a number that is no mean over images; returns a number, :class:`genbench.Estimate`, or a
            mapping of these by part.
        of: With ``samples`` the function is called once for each model, with its generated images,
            a :class:`genbench.Generated`, and returns what a ``reduce`` does.
        record: The other fields of :class:`genbench.core.metric.Metric`: ``unit``, ``better`` and
            ``kind`` are required. With ``parts`` and without ``reduce``, values are (B, P), and
            each part has a row ``name[part]``. With ``marginal_metric`` the evaluator gets a
            conditional model without labels, and its number is listed under that metric's name in
            the protocol of unconditional models; if it does not apply there is no row.

    Raises:
        ConfigError: A field is missing, unknown or wrong, or the name is taken.
    """
    require_key(name, "evaluator")
    where = f"evaluator.{name}"

    def register(function: Function) -> Function:
        require_form(function, reduce, options, of, where)
        of_data = of == "data"
        names = {"option_names": getattr(options, "names", {})}
        known = {"paired": reduce is None and of_data, "own_error": not of_data, **names}
        metric = declared_metric(name, function, known | record, where)
        needed = alternatives(needs, f"{where}.needs")
        entry = Evaluator(name, metric, needed, options, function, reduce, of)
        evaluators.add(name, entry, function)
        return function

    return register
