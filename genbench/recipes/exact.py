"""Recipes of models that are trained like VAEs but have an exact log p(x)."""

from genbench.distributions.latent import CategoricalPosterior, ConstantScaleNormal
from genbench.distributions.observation import FixedGaussianHead, SharedGaussianHead
from genbench.models.discrete_vae import DiscreteVae
from genbench.models.linear_vae import LinearVae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.objectives.elbo import NegativeElbo, NegativeEnumeratedElbo
from genbench.recipes.networks import output_shape
from genbench.recipes.options import DiscreteVaeOptions, LinearVaeOptions, observation_head
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig


@recipe("linear_vae")
def linear_vae(data: DataFacts, options: LinearVaeOptions, train: TrainConfig) -> Built:
    """Linear VAE: probabilistic PCA found by maximising the ELBO, with an exact log-likelihood."""
    fixed, initial = options.scale, options.initial_scale
    head = FixedGaussianHead(fixed) if fixed else SharedGaussianHead(initial)
    encoder = MlpEncoder(data.n_pixels, (), "relu")
    decoder = MlpDecoder(options.latent_dim, (), data.image_shape, "relu")
    decoder.start_at(head.start(data.mean_image))
    posterior = ConstantScaleNormal(encoder.n_features, options.latent_dim)
    model = LinearVae(encoder, posterior, decoder, head, options.latent_dim)
    return single_update("vae", model, NegativeElbo(1.0, train.kl_warmup_epochs), head)


@recipe("discrete_vae")
def discrete_vae(data: DataFacts, options: DiscreteVaeOptions, train: TrainConfig) -> Built:
    """VAE with one categorical latent: exact ELBO and log p(x) by enumeration."""
    head = observation_head(options.observation)
    shape = output_shape(data.image_shape, head.n_per_pixel)
    encoder = MlpEncoder(data.n_pixels, options.hidden, options.activation)
    decoder = MlpDecoder(options.n_categories, options.hidden[::-1], shape, options.activation)
    decoder.start_at(head.start(data.mean_image))
    posterior = CategoricalPosterior(encoder.n_features, options.n_categories)
    model = DiscreteVae(encoder, posterior, decoder, head, options.n_categories)
    return single_update("vae", model, NegativeEnumeratedElbo(train.kl_warmup_epochs), head)
