"""Recipes that differ from another one in a loss: the sparse autoencoder, the minimax GAN."""

from dataclasses import replace

from pydantic import NonNegativeFloat
from torch import nn

from genbench.models.autoencoder import SparseAutoencoder
from genbench.objectives.adversarial import MinimaxGanGenerator
from genbench.objectives.reconstruction import SparseSquaredError
from genbench.recipes.builtin import build_autoencoder, gan
from genbench.recipes.options import GanOptions, NetworkOptions
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig

INITIAL_BIAS = 0.1
"""Initial bias of a sparse code, so that no dimension starts at zero for all data."""


class SparseAeOptions(NetworkOptions):
    """``penalty`` weights the l1 norm of the code against the squared error of the image."""

    penalty: NonNegativeFloat = 0.01


@recipe("sparse_ae")
def sparse_ae(data: DataFacts, options: SparseAeOptions, train: TrainConfig) -> Built:
    """Sparse autoencoder: squared error plus an l1 penalty on the code.

    The l1 norm relaxes the count |z|_0. Codes are rectified, so a penalised dimension can reach
    zero and stay there.
    """
    model = build_autoencoder(SparseAutoencoder, data, options)
    nn.init.constant_(model.to_code.bias, INITIAL_BIAS)
    return single_update("ae", model, SparseSquaredError(options.penalty))


@recipe("gan_minimax")
def gan_minimax(data: DataFacts, options: GanOptions, train: TrainConfig) -> Built:
    """Generative adversarial network with the minimax (saturating) generator loss."""
    built = gan(data, options, train)
    discriminator, generator = built.updates
    return replace(
        built, updates=(discriminator, replace(generator, objective=MinimaxGanGenerator()))
    )
