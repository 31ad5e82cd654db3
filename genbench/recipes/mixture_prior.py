"""The recipe of a VAE with a discrete latent above its continuous one."""

from dataclasses import replace
from typing import cast

from pydantic import PositiveInt

from genbench.models.linear_vae import is_linear
from genbench.models.mixture_vae import LinearMixtureVae, MixtureVae
from genbench.models.vae import Vae
from genbench.objectives.elbo import negative_elbo
from genbench.recipes.builtin import build_vae
from genbench.recipes.options import GaussianLatentOptions
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update


class MixtureVaeOptions(GaussianLatentOptions):
    """``n_components`` Gaussians make up the prior; one that is standard would make it the VAE."""

    n_components: PositiveInt = 10


@recipe("mixture_vae")
def mixture_vae(data: DataFacts, options: MixtureVaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder whose prior is a learned mixture of Gaussians, summed out exactly."""
    objective = negative_elbo(1.0, train.kl_warmup_epochs, options.n_samples)
    built = build_vae(data, options, objective)
    vae = cast(Vae, built.model)
    parts = (vae.encoder, vae.posterior_head, vae.decoder, vae.observation_head)
    kind = LinearMixtureVae if is_linear(vae.decoder, vae.observation_head) else MixtureVae
    model = kind(*parts, options.latent_dim, n_components=options.n_components)
    updates = (Update("vae", list(model.parameters()), objective),)
    return replace(built, model=model, updates=updates)
