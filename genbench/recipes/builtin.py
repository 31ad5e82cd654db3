"""The recipes that come with genbench: networks, densities and updates put together."""

from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.objective import Objective
from genbench.distributions.observation import BernoulliHead, SharedGaussianHead
from genbench.models.autoencoder import Autoencoder
from genbench.models.gan import Gan
from genbench.models.linear_gaussian import LinearGaussian
from genbench.models.linear_vae import LinearVae, is_linear
from genbench.models.vae import Cvae, Vae
from genbench.objectives.adversarial import ns_gan_discriminator, ns_gan_generator
from genbench.objectives.elbo import negative_elbo
from genbench.objectives.importance import negative_iw_bound
from genbench.objectives.reconstruction import squared_error
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
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update


@recipe("ae")
def ae(data: DataFacts, options: NetworkOptions, train: TrainConfig) -> Built:
    """Plain autoencoder, squared error."""
    model = build_autoencoder(Autoencoder, data, options)
    return Built(model, (Update("ae", list(model.parameters()), squared_error()),))


def build_autoencoder(
    kind: type[Autoencoder], data: DataFacts, options: NetworkOptions
) -> Autoencoder:
    """Return an autoencoder whose untrained decoder answers with about the mean image."""
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
    """Variational autoencoder whose KL is weighed by beta in training (and never in evaluation)."""
    return build_vae(data, options, _negative_elbo(options, train, options.beta))


@recipe("iwae")
def iwae(data: DataFacts, options: IwaeOptions, train: TrainConfig) -> Built:
    """Importance-weighted autoencoder: the VAE that maximises the bound with K draws."""
    doubly = options.gradient == "doubly_reparameterised"
    objective = negative_iw_bound(options.n_samples, doubly_reparameterised=doubly)
    return build_vae(data, options, objective)


def _negative_elbo(options: VaeOptions, train: TrainConfig, beta: float = 1.0) -> Objective:
    return negative_elbo(beta, train.kl_warmup_epochs, options.n_samples, options.gradient)


def build_vae(data: DataFacts, options: GaussianLatentOptions, objective: Objective) -> Built:
    """Return a VAE, unconditional, that is trained on one objective."""
    head = observation_head(options.observation)
    encoder, decoder = make_encoder(data, options), make_decoder(data, options, head.n_per_pixel)
    posterior = POSTERIOR_HEADS[options.posterior](encoder.n_features, options.latent_dim)
    kind = LinearVae if is_linear(decoder, head) else Vae
    model = kind(encoder, posterior, decoder, head, options.latent_dim)
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    updates = (Update("vae", list(model.parameters()), objective),)
    return Built(model, updates, observation=head, observation_name=head.name)


@recipe("cvae")
def cvae(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
    """Variational autoencoder given the class label."""
    if data.n_classes < 2:
        raise ConfigError("recipe: 'cvae' needs labels, and these data have none; 'vae' does not")
    head = observation_head(options.observation)
    encoder = make_encoder(data, options, data.n_classes)
    decoder = make_decoder(data, options, head.n_per_pixel, data.n_classes)
    posterior = POSTERIOR_HEADS[options.posterior](encoder.n_features, options.latent_dim)
    parts = (encoder, posterior, decoder, head, options.latent_dim)
    model = Cvae(*parts, n_classes=data.n_classes)
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    updates = (Update("cvae", list(model.parameters()), _negative_elbo(options, train)),)
    return Built(model, updates, observation=head, observation_name=head.name)


@recipe("gan")
def gan(data: DataFacts, options: GanOptions, train: TrainConfig) -> Built:
    """Generative adversarial network with the non-saturating generator loss."""
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


def adversarial_updates(model: Gan, options: GanOptions | Gan2014Options) -> tuple[Update, Update]:
    """Return the discriminator's update and the generator's, both with the same momentum."""
    betas = (options.beta1, 0.999)
    judging = [*model.critic_body.parameters(), *model.critic_output.parameters()]
    making = list(model.generator.parameters())
    rate = options.discriminator_rate
    return (
        Update("discriminator", judging, ns_gan_discriminator(), betas, rate, validates=False),
        Update("generator", making, ns_gan_generator(), betas, validates=False),
    )


def _start_small(module: nn.Module) -> None:
    """Draw convolution weights from N(0, 0.02^2) (Radford, Metz, Chintala 2016, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@recipe("linear_gaussian")
def linear_gaussian(data: DataFacts, options: LinearGaussianOptions, train: TrainConfig) -> Built:
    """Probabilistic PCA in closed form: the row whose log-likelihood is known exactly."""
    if options.latent_dim >= data.n_pixels:
        raise ConfigError(f"latent_dim: {options.latent_dim} must be below {data.n_pixels} pixels")
    model = LinearGaussian(options.latent_dim, data.image_shape)
    return Built(
        model,
        closed_form=model.fit,
        observation=SharedGaussianHead(),
        observation_name="Gaussian, one maximum-likelihood scale",
    )
