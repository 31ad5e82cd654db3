"""Recipes that predict the hidden part of an image from the shown part."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, field_validator
from torch import Tensor, nn

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.core.texts import noun
from genbench.distributions.completion import ImageParts
from genbench.distributions.latent import DiagonalNormal
from genbench.models.pixel_cvae import PixelCvae
from genbench.models.pixel_predictor import PixelPredictor
from genbench.nets.conditioned import ConditionedMlpDecoder
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.likelihood import NegativeLogLikelihood
from genbench.recipes.networks import output_shape
from genbench.recipes.options import (
    Activation,
    BernoulliOptions,
    Layers,
    ObservationOptions,
    observation_head,
)
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig

Quadrant = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
IS_LEARNED = Registry("prior", {"learned": True, "standard": False})
QUADRANTS: tuple[Quadrant, ...] = ("top_left", "top_right", "bottom_left", "bottom_right")


class QuadrantsCondition(Options):
    """The quadrants that are shown; an odd side has its smaller half at the top or left."""

    kind: Literal["quadrants"] = "quadrants"
    shown: tuple[Quadrant, ...] = Field(("bottom_left",), min_length=1, max_length=3)

    @field_validator("shown")
    @classmethod
    def _in_order(cls, shown: tuple[Quadrant, ...]) -> tuple[Quadrant, ...]:
        return tuple(sorted(set(shown), key=QUADRANTS.index))

    def mask(self, height: int, width: int) -> Tensor:
        """Return which pixels are shown, (H, W) bool."""
        right = torch.arange(width) >= width // 2
        lower = torch.arange(height) >= height // 2
        quadrant = 2 * lower.long().unsqueeze(1) + right.long()  # index in QUADRANTS
        return torch.isin(quadrant, torch.tensor([QUADRANTS.index(name) for name in self.shown]))

    def describe(self) -> str:
        """Name the condition in a protocol."""
        return " + ".join(name.replace("_", " ") for name in self.shown)


class ColumnsCondition(Options):
    """The columns of pixels that are shown, counted from 0."""

    kind: Literal["columns"]
    shown: tuple[NonNegativeInt, ...] = Field(min_length=1)

    @field_validator("shown")
    @classmethod
    def _in_order(cls, shown: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(shown)))

    def mask(self, height: int, width: int) -> Tensor:
        """Return which pixels are shown, (H, W) bool."""
        return torch.isin(torch.arange(width), torch.tensor(self.shown)).expand(height, width)

    def describe(self) -> str:
        """Name the condition in a protocol."""
        columns = noun(len(self.shown), "column")
        return f"{columns} {' '.join(str(column) for column in self.shown)}"


Condition = Annotated[QuadrantsCondition | ColumnsCondition, Field(discriminator="kind")]


class PixelsOptions(Options):
    """Which pixels are shown, and dense networks with hidden layers of sizes ``hidden``."""

    condition: Condition = QuadrantsCondition()
    hidden: Layers = (500, 500)
    activation: Activation = "relu"
    observation: ObservationOptions = BernoulliOptions()


class CvaePixelsOptions(PixelsOptions):
    """``prior`` is p(z given shown pixels) from a network, or N(0, I) regardless of them.

    ``n_samples`` is the number of draws of z per datum and step.
    """

    latent_dim: PositiveInt = 50
    prior: Literal["learned", "standard"] = "learned"
    n_samples: PositiveInt = 1


@recipe("nn_pixels")
def nn_pixels(data: DataFacts, options: PixelsOptions, train: TrainConfig) -> Built:
    """Network that predicts the hidden pixels from the shown ones: no latent, exact likelihood."""
    parts, head = _parts(data, options), observation_head(options.observation)
    shape = output_shape(parts.hidden_shape, head.n_per_pixel)
    network = MlpDecoder(parts.n_shown, options.hidden, shape, options.activation)
    network.start_at(head.start(parts.hidden(data.mean_image)))
    model = PixelPredictor(parts, network, head)
    return single_update("nn", model, NegativeLogLikelihood(), head, options.condition.describe())


@recipe("cvae_pixels")
def cvae_pixels(data: DataFacts, options: CvaePixelsOptions, train: TrainConfig) -> Built:
    """Conditional VAE of the hidden pixels given the shown ones."""
    parts, head = _parts(data, options), observation_head(options.observation)
    hidden, activation, latent_dim = options.hidden, options.activation, options.latent_dim
    encoder = MlpEncoder(data.n_pixels, hidden, activation)
    shape = output_shape(parts.hidden_shape, head.n_per_pixel)
    decoder = ConditionedMlpDecoder(latent_dim, parts.n_shown, hidden[::-1], shape, activation)
    decoder.start_at(head.start(parts.hidden(data.mean_image)))
    posterior = DiagonalNormal(encoder.n_features, latent_dim)
    prior = _conditional_prior(parts.n_shown, options)
    model = PixelCvae(parts, encoder, posterior, decoder, head, latent_dim, prior)
    objective = NegativeElbo(1.0, train.kl_warmup_epochs, options.n_samples)
    return single_update("cvae", model, objective, head, options.condition.describe())


def _conditional_prior(n_shown: int, options: CvaePixelsOptions) -> nn.Module | None:
    if not IS_LEARNED[options.prior]:
        return None
    body = MlpEncoder(n_shown, options.hidden, options.activation)
    return nn.Sequential(body, DiagonalNormal(body.n_features, options.latent_dim))


def _parts(data: DataFacts, options: PixelsOptions) -> ImageParts:
    n_channels, height, width = data.image_shape
    shown = options.condition.mask(height, width)
    if isinstance(options.condition, ColumnsCondition) and options.condition.shown[-1] >= width:
        raise ConfigError(
            f"condition.shown: no column {options.condition.shown[-1]}; "
            f"the images have columns 0 to {width - 1}"
        )
    if not bool(shown.any()):
        raise ConfigError(
            f"condition.shown: {options.condition.describe()} has no pixel in a {height}x{width} "
            "image, so nothing is shown"
        )
    if bool(shown.all()):
        raise ConfigError("condition.shown: all pixels are shown, so none is left to predict")
    return ImageParts(shown, n_channels)
