"""The recipe of a VAE with a discrete latent on top of its continuous one."""

from pydantic import PositiveInt

from genbench.models.linear_vae import is_linear
from genbench.models.mixture_vae import LinearMixtureVae, MixtureVae
from genbench.objectives.elbo import NegativeElbo
from genbench.recipes.builtin import build_vae
from genbench.recipes.options import GaussianLatentOptions
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig


class MixtureVaeOptions(GaussianLatentOptions):
    """The prior is a mixture of ``n_components`` Gaussians; one standard normal gives the VAE."""

    n_components: PositiveInt = 10


@recipe("mixture_vae")
def mixture_vae(data: DataFacts, options: MixtureVaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder with a learned mixture of Gaussians as prior, summed out exactly."""
    objective = NegativeElbo(1.0, train.kl_warmup_epochs, options.n_samples)
    built = build_vae(data, options, objective)
    names = ("encoder", "posterior_head", "decoder", "observation_head")
    encoder, posterior, decoder, head = map(built.model.get_submodule, names)
    kind = LinearMixtureVae if is_linear(decoder, head) else MixtureVae
    model = kind(
        encoder, posterior, decoder, head, options.latent_dim, n_components=options.n_components
    )
    return single_update("vae", model, objective, built.observation)
