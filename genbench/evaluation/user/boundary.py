"""Where a user's code is called: on copies, on its device, and with errors that name the method."""

import inspect
import re
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, get_args

import torch
from torch import Tensor

from genbench.core import capabilities as can
from genbench.core.errors import first_line
from genbench.core.estimate import NotApplicableError, UnusableError
from genbench.core.metric import Kind
from genbench.core.seeding import generators_kept
from genbench.inference.memory import is_out_of_memory

Again = Callable[[int], Any]
HALVES = (torch.float16, torch.bfloat16)
KINDS: tuple[Kind, ...] = get_args(Kind)
_CAPABILITIES = (
    can.Variational,
    can.Autoencodes,
    can.Samples,
    can.HasExactDensity,
    can.DrawsElbo,
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
        folded: Whether ``observation_model`` takes one leading dimension only, once known.
        flat: Methods that take images flat.
        reseeds: Methods that set torch's seed.
        sampled: The generator's state before and after the last call of ``sample``.
        ranges: The smallest and largest number in images that a method made, by method.
        label: The largest label that the model was given.
    """

    image: torch.Size
    device: torch.device | None
    dtype: torch.dtype | None
    kind: Kind
    remarks: dict[str, set[str]] = field(default_factory=dict)
    folded: bool | None = None
    flat: set[str] = field(default_factory=set)
    reseeds: set[str] = field(default_factory=set)
    sampled: tuple[Tensor, Tensor] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    label: int = -1

    @property
    def rounding(self) -> float:
        """How far its values may differ, relative to the largest, because of rounding alone."""
        return 0.02 if self.dtype in HALVES else 1e-4

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


class Adapted:
    """A user's model, or its view given a condition, with checked methods.

    Attributes:
        model: The user's object.
        facts: Shared by the model and its views.
        again: From k to the user's view with its condition repeated k times, for a view.
        methods: Names of the methods that it has.
        latent: The event of its prior, once known.
        log_prob_kind: What its ``log_prob`` is of log p(x).
        is_mass: Whether a p(x) without an observation model is a mass of images, not a density.
    """

    methods: tuple[str, ...]

    def __init__(self, model: Any, facts: Facts, again: Again | None) -> None:
        self.model, self.facts, self.again = model, facts, again
        self.latent: torch.Size | None = None
        self.log_prob_kind = facts.kind
        self.is_mass = False
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
        guard = generators_kept() if name in self.facts.reseeds else nullcontext()
        try:
            with guard:
                return method(*map(self._passed, arguments))
        except (NotImplementedError, NotApplicableError) as error:
            raise NotApplicableError(f"{call} is not implemented: {first_line(error)}") from error
        except Exception as error:  # a user's method can raise anything
            if is_out_of_memory(error):
                raise  # whoever called tries fewer at once
            raise _unusable(call, error, self.facts.label) from error

    def call_on_images(self, name: str, x: Tensor, *more: Any) -> Any:
        """Call a method on images (B, ...), or on flat ones if it takes only those."""
        if name in self.facts.flat:
            return self.call(name, x.flatten(1), *more)
        try:
            return self.call(name, x, *more)
        except UnusableError:
            if x.ndim <= 2:
                raise
            with suppress(UnusableError):
                value = self.call(name, x.flatten(1), *more)
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


BATCH_NORM = "ran batch norm in training mode on a single image"


_FIXES = {
    "probs": "if these are logits, write logits=...",
    "scale": "a network's output becomes positive by .exp()",
}
"""What is usually wrong with a distribution's parameter."""


_LOOK_UP = re.compile(r"index .*out of (range|bounds)|must be smaller than num_classes")
"""How torch refuses a label that a table has no row for."""


def _unusable(call: str, error: Exception, label: int) -> UnusableError:
    text = first_line(error)
    if refused := _PARAMETER.match(text):
        parameter, family, constraint = refused.groups()
        if constraint == "Real()" or "nan" in str(error).removeprefix(text):
            return UnusableError(call, f"made a {family} with NaN in {parameter}", "numbers")
        return refused_parameter(call, parameter, family, constraint)
    if text.startswith("Expected more than 1 value per channel"):
        return UnusableError(call, BATCH_NORM, fix="its eval() ends that")
    asked = label >= 0 and _LOOK_UP.search(text)
    fix = f"y has the label {label}; does the model have so many classes?" if asked else ""
    return UnusableError(call, f"raised {type(error).__name__}: {text}", fix=fix)


def refused_parameter(call: str, parameter: str, family: str, constraint: str) -> UnusableError:
    """Return the error of a distribution's parameter outside of what ``constraint`` allows."""
    found = f"made a {family} whose {parameter} is not {constraint}"
    return UnusableError(call, found, fix=_FIXES.get(parameter, ""))


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
