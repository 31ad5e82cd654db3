"""The basic recipes: autoencoders, VAEs, GANs and probabilistic PCA."""

from typing import Any

from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.objective import Objective
from genbench.core.registry import Registry
from genbench.distributions.observation import BernoulliHead, SharedGaussianHead
from genbench.models.autoencoder import Autoencoder
from genbench.models.gan import Gan
from genbench.models.linear_gaussian import LinearGaussian
from genbench.models.linear_vae import LinearVae, is_linear
from genbench.models.vae import Cvae, Vae
from genbench.objectives.adversarial import NsGanDiscriminator, NsGanGenerator
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.importance import NegativeIwBound
from genbench.objectives.reconstruction import SquaredError
from genbench.recipes.networks import initialise, make_decoder, make_encoder
from genbench.recipes.options import (
    POSTERIOR_HEADS,
    BetaVaeOptions,
    Gan2014Options,
    GanOptions,
    GaussianLatentOptions,
    IwaeOptions,
    LinearGaussianOptions,
    NetworkOptions,
    VaeOptions,
    observation_head,
)
from genbench.recipes.registry import Built, DataFacts, recipe, single_update
from genbench.training.config import TrainConfig
from genbench.training.update import Update

IS_DOUBLY = Registry("gradient", {"standard": False, "doubly_reparameterised": True})


@recipe("ae")
def ae(data: DataFacts, options: NetworkOptions, train: TrainConfig) -> Built:
    """Plain autoencoder, trained on squared error."""
    return single_update("ae", build_autoencoder(Autoencoder, data, options), SquaredError())


def build_autoencoder(
    kind: type[Autoencoder], data: DataFacts, options: NetworkOptions
) -> Autoencoder:
    """Return an autoencoder whose untrained decoder gives roughly the mean image."""
    encoder, decoder = make_encoder(data, options), make_decoder(data, options)
    model = kind(encoder, encoder.n_features, options.latent_dim, decoder)
    initialise(model, options)
    decoder.start_at(BernoulliHead().start(data.mean_image))
    return model


@recipe("vae")
def vae(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder: maximises the ELBO."""
    return build_vae(data, options, _negative_elbo(options, train))


@recipe("beta_vae")
def beta_vae(data: DataFacts, options: BetaVaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder with its KL weighted by beta in training (never in evaluation)."""
    return build_vae(data, options, _negative_elbo(options, train, options.beta))


@recipe("iwae")
def iwae(data: DataFacts, options: IwaeOptions, train: TrainConfig) -> Built:
    """Importance-weighted autoencoder: a VAE trained on the K-draw bound."""
    objective = NegativeIwBound(options.n_samples, IS_DOUBLY[options.gradient])
    return build_vae(data, options, objective)


@recipe("cvae")
def cvae(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
    """Conditional variational autoencoder: given the class label."""
    if data.n_classes < 2:
        raise ConfigError("recipe: 'cvae' needs labels, but these data have none; use 'vae'")
    return build_vae(data, options, _negative_elbo(options, train), data.n_classes)


def _negative_elbo(options: VaeOptions, train: TrainConfig, beta: float = 1.0) -> Objective:
    return NegativeElbo(beta, train.kl_warmup_epochs, options.n_samples, options.gradient)


def build_vae(
    data: DataFacts, options: GaussianLatentOptions, objective: Objective, n_classes: int = 0
) -> Built:
    """Return a VAE with a single objective; conditional if there are classes."""
    _, _, decoder, head = networks = vae_networks(data, options, n_classes)
    parts = (*networks, options.latent_dim)
    unconditional = LinearVae if is_linear(decoder, head) else Vae
    model = Cvae(*parts, n_classes=n_classes) if n_classes else unconditional(*parts)
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    return single_update("cvae" if n_classes else "vae", model, objective, head)


def vae_networks(
    data: DataFacts, options: GaussianLatentOptions, n_classes: int = 0
) -> tuple[nn.Module, nn.Module, Any, Any]:
    """Return encoder, posterior head, decoder and observation head, not yet initialised."""
    head = observation_head(options.observation)
    encoder = make_encoder(data, options, n_classes)
    decoder = make_decoder(data, options, head.n_per_pixel, n_classes)
    posterior = POSTERIOR_HEADS[options.posterior](encoder.n_features, options.latent_dim)
    return encoder, posterior, decoder, head


@recipe("gan")
def gan(data: DataFacts, options: GanOptions, train: TrainConfig) -> Built:
    """Generative adversarial network with the non-saturating generator loss."""
    if options.batch_norm:
        _require_batches_of_two(data, train)
    critic = make_encoder(
        data,
        options,
        activation=options.discriminator_activation,
        dropout=options.dropout,
        batch_norm=options.batch_norm,
    )
    generator = make_decoder(data, options, batch_norm=options.batch_norm)
    model = Gan(generator, critic, critic.n_features, options.latent_dim)
    model.apply(_start_small)
    initialise(model, options)
    return Built(model, adversarial_updates(model, options))


def _require_batches_of_two(data: DataFacts, train: TrainConfig) -> None:
    fix = "needs batches of at least two images; set batch_norm = false"
    if data.n_train == 1:
        raise ConfigError(f"batch_norm: {fix} (there is one training image)")
    if train.batch_size == 1:
        raise ConfigError(f"batch_norm: {fix} or a larger train.batch_size")


def adversarial_updates(model: Gan, options: GanOptions | Gan2014Options) -> tuple[Update, Update]:
    """Return the discriminator's update and the generator's, both with the same momentum."""
    betas, rate = (options.beta1, 0.999), options.discriminator_rate
    critic = [*model.critic_body.parameters(), *model.critic_output.parameters()]
    generator = list(model.generator.parameters())
    return (
        Update("discriminator", critic, NsGanDiscriminator(), betas, rate, validates=False),
        Update("generator", generator, NsGanGenerator(), betas, validates=False),
    )


def _start_small(module: nn.Module) -> None:
    """Draw convolution weights from N(0, 0.02^2) (Radford, Metz, Chintala 2016, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@recipe("linear_gaussian", seedless=True)
def linear_gaussian(data: DataFacts, options: LinearGaussianOptions, train: TrainConfig) -> Built:
    """Probabilistic PCA in closed form, with an exact log-likelihood."""
    if options.latent_dim >= data.n_pixels:
        raise ConfigError(f"latent_dim: {options.latent_dim} must be below {data.n_pixels} pixels")
    # n images span n - 1 directions, and the noise needs one that is left over
    data.require_images(options.latent_dim + 2, f"latent_dim: {options.latent_dim}")
    model = LinearGaussian(options.latent_dim, data.image_shape)
    name = "Gaussian, one maximum-likelihood scale"
    return Built(model, (), model.fit, SharedGaussianHead(), name)
