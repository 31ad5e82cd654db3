"""Options of the recipes that come with genbench, as a suite file states them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from genbench.core.options import ADDED, Options
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


class DiscretisedLogisticOptions(Options):
    """A mass over ``n_levels`` grey levels; one learned scale, or one per pixel."""

    kind: Literal["discretised_logistic"] = "discretised_logistic"
    n_levels: Annotated[int, Field(ge=2)] = 256
    initial_scale: PositiveFloat = 0.1
    per_pixel: bool = False


PosteriorKind = Literal["diagonal", "isotropic", "full"]
POSTERIOR_HEADS = {"diagonal": DiagonalNormal, "isotropic": IsotropicNormal, "full": FullNormal}


def _kind_alone(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


ObservationOptions = Annotated[
    BernoulliOptions
    | UnitGaussianOptions
    | FixedGaussianOptions
    | SharedGaussianOptions
    | PixelGaussianOptions
    | DiscretisedLogisticOptions,
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
        case DiscretisedLogisticOptions():
            return DiscretisedLogisticHead(
                options.n_levels, options.initial_scale, options.per_pixel
            )
    return BernoulliHead()


class NetworkOptions(Options):
    """The pair of networks, mirror images of each other.

    ``hidden`` are the sizes of the dense layers (none is fine); a convolutional network has
    ``channels`` first (each halves the picture) and at most one dense layer after them.
    ``init`` is torch's own, or uniform on +-sqrt(6 / (n_in + n_out)) with zero biases
    (Glorot and Bengio 2010, equation 16).
    """

    network: Literal["mlp", "conv"] = "mlp"
    hidden: tuple[PositiveInt, ...] = (400, 400)
    channels: tuple[PositiveInt, ...] = Field((32, 64), min_length=1)
    activation: Activation = "relu"
    latent_dim: PositiveInt = 32
    init: Literal["default", "glorot"] = "default"


class GaussianLatentOptions(NetworkOptions):
    """Options of every VAE; ``n_samples`` draws of z per datum and step.

    ``posterior`` is the covariance of q(z given x): its own scale for each dimension, one scale
    for all, or full.
    """

    observation: ObservationOptions = BernoulliOptions()
    n_samples: PositiveInt = 1
    posterior: Annotated[PosteriorKind, ADDED] = "diagonal"


class VaeOptions(GaussianLatentOptions):
    """``gradient`` is how the ELBO is differentiated with respect to q(z given x).

    Through reparameterised draws, or by the score function, whose variance a baseline reduces.
    """

    gradient: Annotated[ElboGradient, ADDED] = "reparameterised"


class BetaVaeOptions(VaeOptions):
    """``beta`` (lambda in the lecture notes) weighs the KL; 1 is the VAE."""

    beta: NonNegativeFloat = 4.0


class IwaeOptions(GaussianLatentOptions):
    """``n_samples`` is K of the bound that is trained; ``gradient`` is how it is differentiated."""

    n_samples: PositiveInt = 5
    gradient: Literal["standard", "doubly_reparameterised"] = "standard"


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


class LinearVaeOptions(Options):
    """A linear decoder with one ``scale``, stated or (``None``) learned from ``initial_scale``."""

    latent_dim: PositiveInt = 32
    scale: PositiveFloat | None = None
    initial_scale: PositiveFloat = 0.3


class DiscreteVaeOptions(Options):
    """One categorical latent; dense networks whose layers have the sizes ``hidden``."""

    n_categories: PositiveInt = 64
    hidden: tuple[PositiveInt, ...] = (400, 400)
    activation: Activation = "relu"
    observation: ObservationOptions = BernoulliOptions()


class GaussianMixtureOptions(Options):
    """A mixture fitted to at most ``n_fit`` training images.

    ``floor`` is added to each variance, by default the square of about one grey level of 256;
    without it the density of constant pixels has no bound.
    Full covariances take n_components * n_pixels^2 numbers; ``tied`` share one matrix.
    """

    n_components: PositiveInt = 10
    covariance: Literal["diag", "tied", "full"] = "diag"
    floor: PositiveFloat = 1e-5
    n_fit: PositiveInt = 20_000


class IndependentPixelsOptions(Options):
    """Bernoulli pixels for binary images, Gaussian ones of at least ``min_scale`` for grey.

    The default is about one grey level of 256.
    """

    observation: Literal["bernoulli", "gaussian"] = "bernoulli"
    min_scale: PositiveFloat = 0.003


class MeanImageOptions(Options):
    """There is nothing to choose."""


class FixedImagesOptions(Options):
    """The most images that are kept."""

    n_images: PositiveInt = 10_000


class KMeansOptions(Options):
    """The number of centroids."""

    n_clusters: PositiveInt = 1_000


class Gan2014Options(Options):
    """Sizes of the first generative adversarial network; the generator's noise is uniform.

    The defaults are those of the code that came with the paper: noise of unit variance, weights
    from +-``generator_range`` and +-``discriminator_range``, and half the learning rate for the
    discriminator, whose loss is half a sum there.
    """

    latent_dim: PositiveInt = 100
    prior_limit: PositiveFloat = 3**0.5
    generator_hidden: tuple[PositiveInt, ...] = (1200, 1200)
    discriminator_hidden: tuple[PositiveInt, ...] = Field((240, 240), min_length=1)
    n_pieces: PositiveInt = 5
    input_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    generator_range: PositiveFloat = 0.05
    discriminator_range: PositiveFloat = 0.005
    discriminator_rate: PositiveFloat = 0.5
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
