"""The original generative adversarial network, as used for its published Parzen estimates."""

from torch import nn

from genbench.distributions.latent import UniformPrior
from genbench.distributions.observation import BernoulliHead
from genbench.models.gan import Gan
from genbench.nets.maxout import MaxoutEncoder
from genbench.nets.mlp import MlpDecoder
from genbench.recipes.builtin import adversarial_updates
from genbench.recipes.options import Gan2014Options
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig


@recipe("gan_2014")
def gan_2014(data: DataFacts, options: Gan2014Options, train: TrainConfig) -> Built:
    """Generative adversarial network of 2014: ReLU generator, maxout discriminator with dropout."""
    generator = MlpDecoder(options.latent_dim, options.generator_hidden, data.image_shape, "relu")
    critic = MaxoutEncoder(
        data.n_pixels,
        options.discriminator_hidden,
        options.n_pieces,
        options.input_dropout,
        options.dropout,
    )
    prior = UniformPrior(options.latent_dim, options.prior_limit)
    model = Gan(generator, critic, critic.n_features, options.latent_dim, prior, centred=False)
    _initialise(model, options)
    generator.start_at(BernoulliHead().start(data.mean_image))
    return Built(model, adversarial_updates(model, options))


def _initialise(model: Gan, options: Gan2014Options) -> None:
    """Draw all weights uniformly from the given ranges; biases are zero."""
    for part, limit in (
        (model.generator, options.generator_range),
        (model.critic_body, options.discriminator_range),
        (model.critic_output, options.discriminator_range),
    ):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                nn.init.uniform_(module.weight, -limit, limit)
                nn.init.zeros_(module.bias)
