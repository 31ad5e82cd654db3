"""Recipes of the hidden part of an image given the part that is shown."""

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, field_validator
from torch import Tensor, nn

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.distributions.completion import ImageParts
from genbench.distributions.latent import DiagonalNormal
from genbench.distributions.observation import ObservationHead
from genbench.models.pixel_cvae import PixelCvae
from genbench.models.pixel_predictor import PixelPredictor
from genbench.nets.conditioned import ConditionedMlpDecoder
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.objectives.elbo import negative_elbo
from genbench.objectives.likelihood import negative_log_likelihood
from genbench.recipes.options import (
    Activation,
    BernoulliOptions,
    ObservationOptions,
    observation_head,
)
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update

Quadrant = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
QUADRANTS: tuple[Quadrant, ...] = ("top_left", "top_right", "bottom_left", "bottom_right")


class QuadrantsCondition(Options):
    """The quadrants that are shown; the smaller half of an odd side is at the top and the left."""

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
        place = 2 * lower.long().unsqueeze(1) + right.long()  # as in QUADRANTS
        return torch.isin(place, torch.tensor([QUADRANTS.index(name) for name in self.shown]))

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
        noun = "column" if len(self.shown) == 1 else "columns"
        return f"{noun} {' '.join(str(column) for column in self.shown)}"


Condition = Annotated[QuadrantsCondition | ColumnsCondition, Field(discriminator="kind")]


class PixelsOptions(Options):
    """Which pixels are shown, and dense networks whose hidden layers have the sizes ``hidden``."""

    condition: Condition = QuadrantsCondition()
    hidden: tuple[PositiveInt, ...] = (500, 500)
    activation: Activation = "relu"
    observation: ObservationOptions = BernoulliOptions()


class CvaePixelsOptions(PixelsOptions):
    """``prior`` is p(z given shown pixels), from a network, or N(0, I) whatever is shown.

    ``n_samples`` draws of z per datum and step.
    """

    latent_dim: PositiveInt = 50
    prior: Literal["learned", "standard"] = "learned"
    n_samples: PositiveInt = 1


@recipe("nn_pixels")
def nn_pixels(data: DataFacts, options: PixelsOptions, train: TrainConfig) -> Built:
    """Network that predicts the hidden pixels from the shown ones: no latent, likelihood exact."""
    parts, head = _parts(data, options), observation_head(options.observation)
    shape = _output_shape(parts, head.n_per_pixel)
    network = MlpDecoder(parts.n_shown, options.hidden, shape, options.activation)
    network.start_at(head.start(parts.hidden(data.mean_image)))
    model = PixelPredictor(parts, network, head)
    updates = (Update("nn", list(model.parameters()), negative_log_likelihood()),)
    return _built(model, updates, head, options)


@recipe("cvae_pixels")
def cvae_pixels(data: DataFacts, options: CvaePixelsOptions, train: TrainConfig) -> Built:
    """Conditional VAE of the hidden pixels given the shown ones."""
    parts, head = _parts(data, options), observation_head(options.observation)
    hidden, activation, latent_dim = options.hidden, options.activation, options.latent_dim
    encoder = MlpEncoder(data.n_pixels, hidden, activation)
    shape = _output_shape(parts, head.n_per_pixel)
    decoder = ConditionedMlpDecoder(latent_dim, parts.n_shown, hidden[::-1], shape, activation)
    decoder.start_at(head.start(parts.hidden(data.mean_image)))
    model = PixelCvae(
        parts,
        encoder,
        DiagonalNormal(encoder.n_features, latent_dim),
        decoder,
        head,
        latent_dim,
        _conditional_prior(parts.n_shown, options),
    )
    objective = negative_elbo(1.0, train.kl_warmup_epochs, options.n_samples)
    updates = (Update("cvae", list(model.parameters()), objective),)
    return _built(model, updates, head, options)


def _conditional_prior(n_shown: int, options: CvaePixelsOptions) -> nn.Module | None:
    if options.prior == "standard":
        return None
    body = MlpEncoder(n_shown, options.hidden, options.activation)
    return nn.Sequential(body, DiagonalNormal(body.n_features, options.latent_dim))


def _parts(data: DataFacts, options: PixelsOptions) -> ImageParts:
    n_channels, height, width = data.image_shape
    shown = options.condition.mask(height, width)
    if isinstance(options.condition, ColumnsCondition) and options.condition.shown[-1] >= width:
        raise ConfigError(
            f"condition.shown: column {options.condition.shown[-1]} is not there; "
            f"an image has the columns 0 to {width - 1}"
        )
    if bool(shown.all()):
        raise ConfigError("condition.shown: every pixel is shown, and none is left to predict")
    return ImageParts(shown, n_channels)


def _output_shape(parts: ImageParts, n_per_pixel: int) -> tuple[int, int, int]:
    n_channels, height, n = parts.hidden_shape
    return (n_per_pixel * n_channels, height, n)


def _built(
    model: nn.Module, updates: tuple[Update, ...], head: ObservationHead, options: PixelsOptions
) -> Built:
    return Built(
        model,
        updates,
        observation=head,
        observation_name=head.name,
        shown=options.condition.describe(),
    )
