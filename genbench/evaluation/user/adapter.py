"""A user's model behind checked methods: the one place where its calls and results are converted.

Evaluators see a model with the methods of :mod:`genbench.core.capabilities` that the user's has.
Each passes copies on, folds dimensions, converts what comes back, and turns any exception into an
:class:`~genbench.core.estimate.UnusableError` that names the method.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core import capabilities as can
from genbench.core.errors import first_line
from genbench.core.estimate import NotApplicableError, UnusableError
from genbench.core.held import tensors_in
from genbench.core.metric import Kind
from genbench.core.tensors import as_event
from genbench.evaluation.user import returned
from genbench.evaluation.user.distributions import Arranged, parameters_of
from genbench.inference.memory import is_out_of_memory

Again = Callable[[int], Any]
HALVES = (torch.float16, torch.bfloat16)
KINDS: tuple[Kind, ...] = get_args(Kind)
_CAPABILITIES = (
    can.Variational,
    can.Autoencodes,
    can.Samples,
    can.HasExactDensity,
    can.HasCritic,
    can.Conditions,
    can.ConditionsOnPixels,
)
CALLS = {name: call for one in _CAPABILITIES for name, call in can.methods_of(one).items()}
"""Every method of a capability as it is called, by name."""


@dataclass
class Facts:
    """What is known of a user's model, and what was found out while it was called.

    Attributes:
        image: Shape of one datum.
        device: Of the model, None if it holds no tensors.
        dtype: Of its weights, None if it has none.
        kind: What its ``log_prob`` is of log p(x).
        remarks: What a reader of its numbers must know, by method.
        folded: Methods that take one leading dimension only, or whether they do is settled.
        flat: Methods that take images flat.
        reseeds: Methods that set torch's seed.
        ranges: The smallest and largest number in images that a method made, by method.
    """

    image: torch.Size
    device: torch.device | None
    dtype: torch.dtype | None
    kind: Kind
    remarks: dict[str, set[str]] = field(default_factory=dict)
    folded: dict[str, bool] = field(default_factory=dict)
    flat: set[str] = field(default_factory=set)
    reseeds: set[str] = field(default_factory=set)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    def remark(self, name: str, text: str) -> None:
        """Note what must be said beside every number that method ``name`` is behind."""
        self.remarks.setdefault(name, set()).add(text)

    def saw(self, name: str, images: Tensor) -> Tensor:
        """Note the range of images that method ``name`` made, and return them."""
        if images.numel():
            low, high = self.ranges.get(name, (inf, -inf))
            found = images.detach().aminmax()
            self.ranges[name] = min(low, float(found.min)), max(high, float(found.max))
        return images


def adapt(model: Any, image_shape: Sequence[int], kind: str | None = None) -> Any:
    """Return ``model`` behind checked methods; one of genbench's own passes through unchanged.

    The result has exactly those methods of ``core/capabilities`` that the model has.

    Args:
        model: Any object; nothing is called yet.
        image_shape: Shape of one datum; images that the model makes get it.
        kind: What ``log_prob(x)`` is of log p(x): ``exact``, ``lower_bound``, ``upper_bound`` or
            ``estimate``; None: as its attribute ``log_prob_kind`` says, else exact.
    """
    held = tensors_in(model)
    device = held[0].device if held else None
    dtype = next((t.dtype for t in held if t.is_floating_point()), None)
    if type(model).__module__.split(".")[0] == "genbench" and dtype not in HALVES:
        return model
    declared = kind or getattr(model, "log_prob_kind", None)
    known = declared if declared in KINDS else "exact"
    return _behind(model, Facts(torch.Size(image_shape), device, dtype, known))


def _behind(model: Any, facts: Facts, again: Again | None = None) -> "Adapted":
    """Return an object with the adapters of the methods that ``model`` has."""
    methods = {name: adapter for name, adapter in _ADAPTERS.items() if _has(model, name)}
    named = methods | {"methods": tuple(methods)}
    kind: type[Adapted] = type(type(model).__name__, (Adapted,), named)
    return kind(model, facts, again)


def _has(model: Any, name: str) -> bool:
    value = getattr(model, name, None)
    return callable(value) or (name == "prior" and value is not None)


class Adapted:
    """A user's model, or its view given a condition, with checked methods.

    Attributes:
        model: The user's object.
        facts: Shared by the model and its views.
        again: From k to the user's view with its condition repeated k times, for a view.
        methods: Names of the methods that it has.
    """

    methods: tuple[str, ...]

    def __init__(self, model: Any, facts: Facts, again: Again | None) -> None:
        self.model, self.facts, self.again = model, facts, again
        self.log_prob_kind = facts.kind
        n_classes = getattr(model, "n_classes", None)
        if isinstance(n_classes, int):
            self.n_classes = n_classes

    def call(self, name: str, *arguments: Any, of: Any = None) -> Any:
        """Call the user's method ``name`` on copies.

        Args:
            name: Of the method.
            arguments: Tensors get the model's device and dtype.
            of: Another view to call it on.

        Raises:
            UnusableError: It raised, or takes other arguments.
            NotApplicableError: It is not implemented.
        """
        call, method = CALLS[name], getattr(self.model if of is None else of, name)
        if not callable(method):  # the prior may be an attribute
            return method
        _require_signature(method, call, arguments)
        guard = torch.random.fork_rng() if name in self.facts.reseeds else nullcontext()
        try:
            with guard:
                return method(*map(self._passed, arguments))
        except (NotImplementedError, NotApplicableError) as error:
            raise NotApplicableError(f"{call} is not implemented: {first_line(error)}") from error
        except Exception as error:  # a user's method can raise anything
            if is_out_of_memory(error):
                raise  # whoever called tries fewer at once
            raise UnusableError(call, _raised(error)) from error

    def call_on_images(self, name: str, x: Tensor) -> Any:
        """Call a method on images (B, ...), or on flat ones if it takes only those."""
        if name in self.facts.flat:
            return self.call(name, x.flatten(1))
        try:
            return self.call(name, x)
        except UnusableError:
            if x.ndim == 2:
                raise
            with suppress(UnusableError):
                value = self.call(name, x.flatten(1))
                self.facts.flat.add(name)
                self.facts.remark(name, f"{CALLS[name]} was given x flat")
                return value
            raise

    def _passed(self, value: Any) -> Any:
        """Return an argument as the model gets it: its own copy, on the device of its weights."""
        if not isinstance(value, Tensor):
            return value
        dtype = self.facts.dtype if value.is_floating_point() else None
        moved = value.to(self.facts.device or value.device, dtype or value.dtype)
        return moved.clone() if moved is value else moved


_PARAMETER = re.compile(
    r"Expected parameter (\w+) .*of distribution (\w+)\(.*to satisfy the constraint (.+?), but"
)
"""How torch refuses a distribution's parameter."""


def _raised(error: Exception) -> str:
    text = first_line(error)
    if refused := _PARAMETER.match(text):
        parameter, family, constraint = refused.groups()
        return f"made a {family} whose {parameter} is not {constraint}"
    return f"raised {type(error).__name__}: {text}"


def _require_signature(method: Any, call: str, arguments: tuple[Any, ...]) -> None:
    """Refuse a method that takes other arguments before Python does so in its own words."""
    try:
        own = inspect.signature(method)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        own.bind(*arguments)
    except TypeError:
        name = call.partition("(")[0]
        needs_label = "y" in own.parameters and name != "given"
        fix = "bind y in given(y), which returns a view with this method" if needs_label else ""
        raise UnusableError(call, f"is defined as {name}{own}", call, fix) from None


def _prior(self: Adapted) -> Distribution:
    call = CALLS["prior"]
    expected = "a distribution with batch () and event (D,)"
    p = returned.distribution_of(self.call("prior"), call, expected, 1, self.facts.device)
    if isinstance(p, Tensor):
        fix = "return Independent(Normal(loc, scale), 1)"
        raise UnusableError(call, f"returned {returned.described(p)}", expected, fix)
    return as_event(p, 0)


def _latent_shape(self: Adapted) -> torch.Size | None:
    if not isinstance(self, can.HasPrior):
        return None
    with suppress(UnusableError, NotApplicableError):  # its own metrics say so
        return self.prior().event_shape
    return None


def _observation_model(self: Adapted, z: Tensor) -> Distribution:
    latent = _latent_shape(self)
    n_latent = 1 if latent is None else len(latent)
    leading = z.shape[: z.ndim - n_latent]
    facts, name = self.facts, "observation_model"
    if len(leading) < 2 or facts.folded.get(name) is False:
        return _observed(self, z, leading)
    if facts.folded.get(name) is None:
        facts.folded[name] = _must_fold(self, z, leading)
        if facts.folded[name]:
            facts.remark(name, f"{CALLS[name]} was given z with one leading dimension")
    return _folded(self, z, leading) if facts.folded[name] else _observed(self, z, leading)


def _observed(self: Adapted, z: Tensor, leading: torch.Size, of: Any = None) -> Distribution:
    value = self.call("observation_model", z, of=of)
    call, facts = CALLS["observation_model"], self.facts
    return returned.observation_of(value, leading, facts.image, call, z.device)


def _folded(self: Adapted, z: Tensor, leading: torch.Size) -> Distribution:
    """Return p(x given z) of z (K, B, ...), from a call with (K * B, ...)."""
    k, n = leading[0], leading.numel()
    flat = z.reshape(n, *z.shape[len(leading) :])
    p = _observed(self, flat, torch.Size((n,)), self.again(k) if self.again else None)
    return Arranged(p, leading, self.facts.image)


def _must_fold(self: Adapted, z: Tensor, leading: torch.Size) -> bool:
    """Return whether z must be folded: two leading dimensions fail or mean something else."""
    try:
        direct = _observed(self, z, leading)
    except UnusableError:
        _require_foldable(self, z, leading)
        return True
    with suppress(UnusableError):
        return not _agree(direct, _folded(self, z, leading))
    return False


def _require_foldable(self: Adapted, z: Tensor, leading: torch.Size) -> None:
    """Raise the error of the unfolded call if the folded one fails too."""
    try:
        _folded(self, z, leading)
    except UnusableError:
        _observed(self, z, leading)


def _agree(p: Distribution, q: Distribution) -> bool:
    """Return whether the parameters of two distributions are equal but for rounding."""
    pairs = zip(parameters_of(p), parameters_of(getattr(q, "base", q)), strict=False)
    for (_, a), (_, b) in pairs:
        a, b = a.detach().double().flatten(), b.detach().double().flatten()
        if len(a) == len(b):
            size = float(b.abs().max()) if len(b) else 0.0
            if not torch.allclose(a, b, rtol=0.0, atol=0.02 * size + 1e-6):
                return False
    return True


def _posterior(self: Adapted, x: Tensor) -> Distribution:
    value = self.call_on_images("posterior", x)
    return returned.posterior_of(value, len(x), _latent_shape(self), CALLS["posterior"], x.device)


def _encode(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("encode", x)
    code, remark = returned.code_of(value, len(x), CALLS["encode"], x.device)
    if remark:
        self.facts.remark("encode", f"{CALLS['encode']}: {remark}")
    return code


def _decode(self: Adapted, z: Tensor) -> Tensor:
    """Return mean images; a model that takes one leading dimension gets z (K, B, D) so."""
    call, image = CALLS["decode"], self.facts.image
    value = self.call("decode", z if z.ndim != 3 else z.flatten(0, 1))
    leading = z.shape[:2] if z.ndim == 3 else z.shape[:1]
    images = returned.images_of(value, leading, image, call, z.device)
    return self.facts.saw("decode", images)


def _sample(self: Adapted, n: int) -> Tensor:
    call, facts = f"sample({n})", self.facts
    images = returned.images_of(self.call("sample", n), (n,), facts.image, call, facts.device)
    return facts.saw("sample", images)


def _log_prob(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("log_prob", x)
    return returned.per_datum(value, len(x), CALLS["log_prob"], x.device)


def _critic(self: Adapted, x: Tensor) -> Tensor:
    value = self.call_on_images("critic", x)
    return returned.per_datum(value, len(x), CALLS["critic"], x.device)


def _given(self: Adapted, y: Tensor) -> "Adapted":
    return _view(self, "given", y)


def _given_pixels(self: Adapted, x: Tensor) -> "Adapted":
    return _view(self, "given_pixels", x)


def _view(self: Adapted, name: str, condition: Tensor) -> "Adapted":
    """Return the view given a condition (B, ...), which can be repeated for folded calls."""

    def again(k: int) -> Any:
        return self.call(name, condition.repeat(k, *[1] * (condition.ndim - 1)))

    view = again(1)
    if view is None:
        raise UnusableError(CALLS[name], "returned None", "a view with the condition bound")
    return _behind(view, self.facts, again)


def _hidden(self: Adapted) -> Tensor:
    value = self.call("hidden")
    facts, call = self.facts, CALLS["hidden"]
    return returned.images_of(value, (), facts.image, call, facts.device).bool()


_ADAPTERS: dict[str, Callable[..., Any]] = {
    "prior": _prior,
    "observation_model": _observation_model,
    "posterior": _posterior,
    "encode": _encode,
    "decode": _decode,
    "sample": _sample,
    "log_prob": _log_prob,
    "critic": _critic,
    "given": _given,
    "given_pixels": _given_pixels,
    "hidden": _hidden,
}
