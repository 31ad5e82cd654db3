"""The recipe of a VAE with several layers of latents."""

from typing import Literal

from pydantic import Field

from genbench.core.objective import Objective
from genbench.core.registry import Registry
from genbench.models.hierarchical_vae import HierarchicalVae
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.importance import NegativeIwBound
from genbench.recipes.builtin import vae_networks
from genbench.recipes.networks import initialise
from genbench.recipes.options import GaussianLatentOptions, Layers
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig

IS_WEIGHTED = Registry("bound", {"elbo": False, "importance_weighted": True})


class HierarchicalVaeOptions(GaussianLatentOptions):
    """A latent of ``latent_dim`` dimensions under further ones, and the networks between them.

    Attributes:
        upper_latent_dims: Dimensions of the latents above, from the side of the image.
        upper_hidden: Sizes of the dense layers between neighbouring latents, from the same side.
        bound: On log p(x), that training maximises, with ``n_samples`` draws.
    """

    upper_latent_dims: Layers = Field((16,), min_length=1)
    upper_hidden: Layers = (100, 100)
    bound: Literal["elbo", "importance_weighted"] = "elbo"


@recipe("hierarchical_vae")
def hierarchical_vae(data: DataFacts, options: HierarchicalVaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder with two or more layers of latents, each Gaussian given the next."""
    _, _, decoder, head = networks = vae_networks(data, options)
    model = HierarchicalVae(
        *networks,
        sizes=(options.latent_dim, *options.upper_latent_dims),
        hidden=options.upper_hidden,
        activation=options.activation,
    )
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    return single_update("vae", model, _objective(options, train), head)


def _objective(options: HierarchicalVaeOptions, train: TrainConfig) -> Objective:
    if IS_WEIGHTED[options.bound]:
        return NegativeIwBound(options.n_samples)
    return NegativeElbo(1.0, train.kl_warmup_epochs, options.n_samples)
