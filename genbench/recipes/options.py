"""Options of the recipes that come with genbench, as stated in a suite file."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.distributions.latent import DiagonalNormal, FullNormal, IsotropicNormal
from genbench.distributions.observation import (
    BernoulliHead,
    DiscretisedLogisticHead,
    FixedGaussianHead,
    PixelGaussianHead,
    SharedGaussianHead,
)
from genbench.objectives.elbo import ElboGradient


class BernoulliOptions(Options):
    """Binary pixels."""

    kind: Literal["bernoulli"] = "bernoulli"


class UnitGaussianOptions(Options):
    """Scale 1: squared error up to a constant."""

    kind: Literal["unit_gaussian"] = "unit_gaussian"


class FixedGaussianOptions(Options):
    """A fixed scale."""

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


class DiscretisedLogisticOptions(Options):
    """A mass over ``n_levels`` grey levels; one learned scale, or one per pixel."""

    kind: Literal["discretised_logistic"] = "discretised_logistic"
    n_levels: Annotated[int, Field(ge=2)] = 256
    initial_scale: PositiveFloat = 0.1
    per_pixel: bool = False


def _expand_kind(value: object) -> object:
    """Expand ``"bernoulli"`` to ``{"kind": "bernoulli"}``."""
    return {"kind": value} if isinstance(value, str) else value


ObservationOptions = Annotated[
    BernoulliOptions
    | UnitGaussianOptions
    | FixedGaussianOptions
    | SharedGaussianOptions
    | PixelGaussianOptions
    | DiscretisedLogisticOptions,
    Field(discriminator="kind"),
    BeforeValidator(_expand_kind),
]
OBSERVATION_HEADS: Registry[Callable[[Any], Any]] = Registry(
    "observation",
    {
        "bernoulli": lambda _: BernoulliHead(),
        "unit_gaussian": lambda _: FixedGaussianHead(1.0),
        "gaussian": lambda o: FixedGaussianHead(o.scale),
        "learned_gaussian": lambda o: SharedGaussianHead(o.initial_scale),
        "pixel_gaussian": lambda o: PixelGaussianHead(o.min_scale),
        "discretised_logistic": lambda o: DiscretisedLogisticHead(
            o.n_levels, o.initial_scale, o.per_pixel
        ),
    },
)


def observation_head(options: Any) -> Any:
    """Build the head that the options describe.

    Raises:
        ConfigError: They are none of :data:`ObservationOptions`.
    """
    return OBSERVATION_HEADS[str(getattr(options, "kind", options))](options)


Posterior = Literal["diagonal", "isotropic", "full"]
POSTERIOR_HEADS: Registry[type[DiagonalNormal | IsotropicNormal | FullNormal]] = Registry(
    "posterior", {"diagonal": DiagonalNormal, "isotropic": IsotropicNormal, "full": FullNormal}
)
Activation = Literal["relu", "tanh", "elu", "silu", "leaky_relu"]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Layers = Annotated[tuple[PositiveInt, ...], Field(max_length=100)]
"""Sizes of layers, from the side of the image."""


class NetworkOptions(Options):
    """The pair of networks, mirror images of each other.

    Attributes:
        network: Dense layers, or convolutions first.
        hidden: Sizes of the dense layers, possibly none; at most one after convolutions.
        channels: Of the convolutions, each of which halves the image.
        activation: Between layers.
        latent_dim: Dimensions of the latent.
        init: torch's default, or uniform on +-sqrt(6 / (n_in + n_out)) with zero biases
            (Glorot and Bengio 2010, equation 16).
    """

    network: Literal["mlp", "conv"] = "mlp"
    hidden: Layers = (400, 400)
    channels: Layers = Field((32, 64), min_length=1)
    activation: Activation = "relu"
    latent_dim: PositiveInt = 32
    init: Literal["default", "glorot"] = "default"


class GaussianLatentOptions(NetworkOptions):
    """Options of every VAE.

    Attributes:
        observation: p(x given z); a table where it has options of its own.
        n_samples: Draws of z per datum and step.
        posterior: Covariance of q(z given x): one scale per dimension, one for all, or full.
    """

    observation: ObservationOptions = BernoulliOptions()
    n_samples: PositiveInt = 1
    posterior: Posterior = "diagonal"


class VaeOptions(GaussianLatentOptions):
    """Options of a VAE that maximises the ELBO.

    Attributes:
        gradient: How the ELBO is differentiated with respect to q(z given x): through
            reparameterised draws, or by the score function, with or without a baseline.
    """

    gradient: ElboGradient = "reparameterised"


class BetaVaeOptions(VaeOptions):
    """A VAE with a weight on the KL.

    Attributes:
        beta: The weight, lambda in the lecture notes; 1 is the VAE.
    """

    beta: NonNegativeFloat = 4.0


class IwaeOptions(GaussianLatentOptions):
    """A VAE that maximises the importance-weighted bound.

    Attributes:
        n_samples: K of the training bound.
        gradient: How the bound is differentiated.
    """

    n_samples: PositiveInt = 5
    gradient: Literal["standard", "doubly_reparameterised"] = "standard"


class GanOptions(NetworkOptions):
    """A generator, and a discriminator that mirrors it with its own activation.

    Attributes:
        discriminator_activation: Between its layers.
        dropout: Share of the discriminator's units that a step leaves out.
        batch_norm: Whether layers are normalised over the batch.
        discriminator_rate: Multiplies the learning rate of the discriminator.
        beta1: Of Adam, for both.
    """

    discriminator_activation: Activation = "leaky_relu"
    dropout: Fraction = 0.0
    batch_norm: bool = True
    discriminator_rate: PositiveFloat = 1.0
    beta1: Fraction = 0.5


class LinearGaussianOptions(Options):
    """The number of principal components."""

    latent_dim: PositiveInt = 32


class LinearVaeOptions(Options):
    """A linear decoder with one ``scale``: fixed, or (None) learned from ``initial_scale``."""

    latent_dim: PositiveInt = 32
    scale: PositiveFloat | None = None
    initial_scale: PositiveFloat = 0.3


class DiscreteVaeOptions(Options):
    """One categorical latent; dense networks with hidden layers of sizes ``hidden``."""

    n_categories: PositiveInt = 64
    hidden: Layers = (400, 400)
    activation: Activation = "relu"
    observation: ObservationOptions = BernoulliOptions()


class Gan2014Options(Options):
    """Sizes of the original generative adversarial network; the generator's noise is uniform.

    The defaults are those of the code published with the paper: noise of unit variance, weights
    uniform on +-``generator_range`` and +-``discriminator_range``, and half the learning rate for
    the discriminator, because that code halves its loss.
    """

    latent_dim: PositiveInt = 100
    prior_limit: PositiveFloat = 3**0.5
    generator_hidden: Layers = (1200, 1200)
    discriminator_hidden: Layers = Field((240, 240), min_length=1)
    n_pieces: PositiveInt = 5
    input_dropout: Fraction = 0.2
    dropout: Fraction = 0.5
    generator_range: PositiveFloat = 0.05
    discriminator_range: PositiveFloat = 0.005
    discriminator_rate: PositiveFloat = 0.5
    beta1: Fraction = 0.5
