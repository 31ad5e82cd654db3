"""Recipes of autoregressive models."""

from genbench.core.options import Options
from genbench.models.autoregressive import Made
from genbench.nets.masked import MaskedMlp
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


class MadeOptions(Options):
    """A masked network with dense layers of sizes ``hidden``.

    Attributes:
        hidden: Sizes of the layers, possibly none: then each pixel is a generalised linear model
            of those before it.
        activation: Between layers.
        direct: Whether weights also lead from each pixel to all later ones past the hidden layers.
        observation: p(x_i given the pixels before); a table where it has options of its own.
    """

    hidden: Layers = (500,)
    activation: Activation = "relu"
    direct: bool = True
    observation: ObservationOptions = BernoulliOptions()


@recipe("made")
def made(data: DataFacts, options: MadeOptions, train: TrainConfig) -> Built:
    """Masked autoencoder: each pixel given those before it, with an exact log-likelihood."""
    head = observation_head(options.observation)
    shape = output_shape(data.image_shape, head.n_per_pixel)
    hidden, activation = options.hidden, options.activation
    network = MaskedMlp(data.n_pixels, hidden, shape, activation, direct=options.direct)
    network.start_at(head.start(data.mean_image))
    model = Made(data.image_shape, network, head)
    return single_update("made", model, NegativeLogLikelihood(), head)
