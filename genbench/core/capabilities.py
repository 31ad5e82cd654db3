"""What a model can do, as Protocols made of methods only.

An evaluator names the capability it needs; a model has it by having the methods. No base class, no
flags. Shapes follow torch: sample + batch + event, with B data, K samples, D latent dimensions.
"""

from collections.abc import Sequence
from functools import cache
from inspect import isfunction, signature
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution

from genbench.core.metric import Kind


@runtime_checkable
class HasPrior(Protocol):
    """A model with a latent prior."""

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""


@runtime_checkable
class HasObservationModel(Protocol):
    """A model with a density of data given the latent."""

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event = shape of one datum."""


@runtime_checkable
class HasPosterior(Protocol):
    """A model with an (approximate) posterior."""

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""


@runtime_checkable
class Encodes(Protocol):
    """A model that encodes data as points."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the code (B, D)."""


@runtime_checkable
class Decodes(Protocol):
    """A model that turns codes into mean images."""

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean image of each code."""


@runtime_checkable
class Samples(Protocol):
    """A model that generates."""

    def sample(self, n: int) -> Tensor:
        """Return n images."""


@runtime_checkable
class Conditions(Protocol):
    """A model of data given a condition."""

    def given(self, y: Tensor) -> Any:
        """Return an unconditional view of the model with the condition y (B,) bound."""


@runtime_checkable
class ConditionsOnPixels(Protocol):
    """A model of one part of an image given the other part."""

    def given_pixels(self, x: Tensor) -> Any:
        """Return a view with the shown pixels of x (B, ...) bound, one image per datum.

        The view takes and returns whole images; its densities are those of the hidden pixels.
        """

    def hidden(self) -> Tensor:
        """Return which numbers of an image are hidden: bool, with the shape of one datum."""


@runtime_checkable
class HasCritic(Protocol):
    """A model with a discriminator."""

    def critic(self, x: Tensor) -> Tensor:
        """Return logits (B,) that x is real."""


@runtime_checkable
class HasExactDensity(Protocol):
    """A model whose log p(x) is known."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,) in nats."""


@runtime_checkable
class DrawsElbo(Protocol):
    """A model with a lower bound of its own on log p(x), which it can draw from."""

    def elbo_draws(self, x: Tensor, n: int) -> Tensor:
        """Return n independent draws, (n, B) in nats; their mean is at most log p(x)."""


@runtime_checkable
class GoesPixelByPixel(Protocol):
    """A model of each number of an image given those before it."""

    def pixel_by_pixel(self, n: int) -> Any:
        """Return n images that grow by one number at a time, in the order of ``flatten()``.

        They have ``next()``, the distribution of the next number of each image, batch (n,), event
        (1, 1, 1); and ``put(x)``, which takes it, (n, 1, 1, 1).
        """


@runtime_checkable
class HasBounds(Protocol):
    """A model whose density is zero outside of a cube."""

    def pixel_bounds(self) -> tuple[float, float]:
        """Return the ends of the interval in which each number of an image lies."""


@runtime_checkable
class Cautions(Protocol):
    """A model whose log densities need a word of caution."""

    def caution(self) -> str:
        """Return what a reader of its log densities must know; empty if there is nothing."""


@runtime_checkable
class Generative(HasPrior, HasObservationModel, Protocol):
    """Prior and observation model."""


@runtime_checkable
class Variational(Generative, HasPosterior, Protocol):
    """Generative, with an approximate posterior."""


@runtime_checkable
class Autoencodes(Encodes, Decodes, Protocol):
    """A model that encodes and decodes."""


def missing(model: object, needs: type) -> list[str]:
    """Name the methods of capability ``needs`` that ``model`` does not have.

    Example:
        >>> missing(object(), Generative)
        ['prior()', 'observation_model(z)']
    """
    return [
        call for name, call in methods_of(needs).items() if not callable(getattr(model, name, None))
    ]


def to_add(model: object, needs: Sequence[type]) -> list[str]:
    """Name the fewest methods with which ``model`` would have one of several capabilities.

    There are none if it has one already. A bound of its own, which few models have, comes last.
    """
    lacking = [missing(model, need) for need in needs]
    return min(lacking, key=lambda names: (bool(names) and names == _OWN_BOUND, len(names)))


@cache
def methods_of(capability: type) -> dict[str, str]:
    """Return the methods of a capability as they are called, by name.

    Example:
        >>> methods_of(Autoencodes)
        {'encode': 'encode(x)', 'decode': 'decode(z)'}
    """
    return {
        name: f"{name}({', '.join(list(signature(method).parameters)[1:])})"
        for part in capability.__mro__
        for name, method in vars(part).items()
        if isfunction(method) and name[0] != "_"
    }


_OWN_BOUND = list(methods_of(DrawsElbo).values())


def log_prob_kind(model: HasExactDensity) -> Kind:
    """Return what ``log_prob`` is of log p(x): exact, unless the model declares another kind."""
    kind: Kind = getattr(model, "log_prob_kind", "exact")
    return kind


def knows_log_px(model: object) -> bool:
    """Return whether the model has a ``log_prob`` that is exact."""
    return isinstance(model, HasExactDensity) and log_prob_kind(model) == "exact"


def bind(model: Any, y: Tensor | None, x: Tensor | None = None) -> Any:
    """Return the view of a conditional model given y, or given the shown part of x.

    Other models are returned as they are.
    """
    if x is not None and isinstance(model, ConditionsOnPixels):
        return model.given_pixels(x)
    return model.given(y) if y is not None and isinstance(model, Conditions) else model
