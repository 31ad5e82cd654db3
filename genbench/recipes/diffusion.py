"""The recipe of a diffusion model."""

import math
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.diffusion import SCHEDULES, Diffusion
from genbench.nets.denoiser import MlpDenoiser
from genbench.objectives.diffusion import IS_HYBRID, NegativeDiffusionElbo, Weighting
from genbench.recipes.options import Activation, Layers
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update


class DiffusionOptions(Options):
    """Steps from noise to an image, by one dense network with hidden layers of sizes ``hidden``.

    Attributes:
        n_steps: T. Sampling, and a draw from the bound, take as many calls of the network.
        schedule: How the log signal-to-noise ratio falls with t: as the amplitude of the signal
            does that is a cosine of t, or on a line.
        max_log_snr: Of z_1, the last before the image.
        min_log_snr: Of z_T, which is nearly noise.
        hidden: Sizes of the network's layers.
        activation: Between them.
        weighting: Of the steps in training: ``elbo`` is the bound, which tables compare; ``hybrid``
            adds the squared error of the noise, which counts the same in every step. ``hybrid``,
            ``cosine`` and 6 reached the higher bounds on validation images of digits and MNIST.
    """

    n_steps: Annotated[int, Field(ge=2, le=1000)] = 100
    schedule: Literal["cosine", "linear"] = "cosine"
    max_log_snr: Annotated[FiniteFloat, Field(le=30)] = 6.0
    min_log_snr: Annotated[FiniteFloat, Field(ge=-30)] = -9.0
    hidden: Layers = (400, 400)
    activation: Activation = "silu"
    weighting: Weighting = "hybrid"


@recipe("diffusion")
def diffusion(data: DataFacts, options: DiffusionOptions, train: TrainConfig) -> Built:
    """Denoising diffusion: pixels from noise in small steps, with an ELBO.

    Pixels without noise are refused: the variances of the last step are learned, and would narrow
    down on levels without end.
    """
    low, high = options.min_log_snr, options.max_log_snr
    if low >= high:
        raise ConfigError(f"min_log_snr: {low:g} must be below max_log_snr, {high:g}")
    log_snr = SCHEDULES[options.schedule](options.n_steps, low, high)
    n_numbers = math.prod(data.image_shape)
    network = MlpDenoiser(n_numbers, options.n_steps, options.hidden, options.activation)
    model = Diffusion(data.image_shape, log_snr, network)
    model.start_at(data.mean_image)
    objective = NegativeDiffusionElbo(IS_HYBRID[options.weighting])
    updates = (Update("diffusion", list(model.parameters()), objective),)
    name = f"Gaussian around denoised images, {options.n_steps} steps"
    return Built(model, updates, None, FixedGaussianHead(1.0), name, needs_noise=True)
