"""The recipe of a normalising flow."""

from typing import Annotated

from pydantic import Field

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.flow import RealNvp
from genbench.objectives.likelihood import NegativeLogLikelihood
from genbench.recipes.options import Activation, Layers
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update


class RealNvpOptions(Options):
    """Couplings in turn, each a dense network with hidden layers of sizes ``hidden``.

    Attributes:
        n_couplings: Each moves half of the numbers of an image given the other half.
        hidden: Sizes of the layers of each coupling.
        activation: Between them.
        alpha: Of the logits of alpha + (1 - 2 alpha) x that couplings see. The density reaches
            alpha / (1 - 2 alpha) beyond 0 and 1. On validation images of MNIST the default was the
            best of 0.0001, 0.0003, 0.001, 0.003 and 0.01.
    """

    n_couplings: Annotated[int, Field(ge=1, le=100)] = 6
    hidden: Layers = (256,)
    activation: Activation = "relu"
    alpha: Annotated[float, Field(ge=0, lt=0.5)] = 0.001


@recipe("real_nvp")
def real_nvp(data: DataFacts, options: RealNvpOptions, train: TrainConfig) -> Built:
    """Normalising flow of affine couplings: exact log p(x) of pixels with noise.

    Pixels without noise are refused: on a few levels a density has no maximum, and a flow would
    narrow down on them without end (Theis, van den Oord, Bethge 2016, section 3.1).
    """
    if data.n_pixels < 2:
        raise ConfigError("recipe: 'real_nvp' moves pixels given others, but these images have one")
    sizes = (options.n_couplings, options.hidden, options.activation, options.alpha)
    model = RealNvp(data.image_shape, *sizes)
    model.start_at(data.mean_image)
    updates = (Update("flow", list(model.parameters()), NegativeLogLikelihood()),)
    name = f"density by change of variables, alpha {options.alpha:g}"
    return Built(model, updates, None, FixedGaussianHead(1.0), name, needs_noise=True)
