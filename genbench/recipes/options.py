"""Options of the recipes that come with genbench, as a suite file states them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import Options
from genbench.distributions.observation import (
    BernoulliHead,
    FixedGaussianHead,
    PixelGaussianHead,
    SharedGaussianHead,
)


class BernoulliOptions(Options):
    """Binary pixels."""

    kind: Literal["bernoulli"] = "bernoulli"


class UnitGaussianOptions(Options):
    """Scale 1: squared error up to a constant."""

    kind: Literal["unit_gaussian"] = "unit_gaussian"


class FixedGaussianOptions(Options):
    """A stated scale."""

    kind: Literal["gaussian"] = "gaussian"
    scale: PositiveFloat


class SharedGaussianOptions(Options):
    """One learned scale for all pixels."""

    kind: Literal["learned_gaussian"] = "learned_gaussian"
    initial_scale: PositiveFloat = 0.3


class PixelGaussianOptions(Options):
    """A learned scale for each pixel, from the decoder."""

    kind: Literal["pixel_gaussian"] = "pixel_gaussian"
    min_scale: PositiveFloat = 0.01


def _kind_alone(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


ObservationOptions = Annotated[
    BernoulliOptions
    | UnitGaussianOptions
    | FixedGaussianOptions
    | SharedGaussianOptions
    | PixelGaussianOptions,
    Field(discriminator="kind"),
    BeforeValidator(_kind_alone),
]
Activation = Literal["relu", "tanh", "elu", "silu", "leaky_relu"]


def observation_head(options: Any) -> BernoulliHead | Any:
    """Build the head that the options describe."""
    match options:
        case UnitGaussianOptions():
            return FixedGaussianHead(1.0)
        case FixedGaussianOptions():
            return FixedGaussianHead(options.scale)
        case SharedGaussianOptions():
            return SharedGaussianHead(options.initial_scale)
        case PixelGaussianOptions():
            return PixelGaussianHead(options.min_scale)
    return BernoulliHead()


class NetworkOptions(Options):
    """The pair of networks, mirror images of each other.

    ``hidden`` are the sizes of the dense layers (none is fine); a convolutional network has
    ``channels`` first (each halves the picture) and at most one dense layer after them.
    """

    network: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[PositiveInt, ...] = (400, 400)
    channels: tuple[PositiveInt, ...] = Field((32, 64), min_length=1)
    activation: Activation = "relu"
    latent_dim: PositiveInt = 32


class VaeOptions(NetworkOptions):
    """Options of every VAE."""

    observation: ObservationOptions = BernoulliOptions()


class BetaVaeOptions(VaeOptions):
    """``beta`` (lambda in the lecture notes) weighs the KL; 1 is the VAE."""

    beta: NonNegativeFloat = 4.0


class GanOptions(NetworkOptions):
    """A generator, and a discriminator that mirrors it with its own activation.

    ``discriminator_rate`` multiplies the learning rate of the discriminator.
    """

    discriminator_activation: Activation = "leaky_relu"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    batch_norm: bool = True
    discriminator_rate: PositiveFloat = 1.0
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5


class LinearGaussianOptions(Options):
    """The number of principal components."""

    latent_dim: PositiveInt = 32
