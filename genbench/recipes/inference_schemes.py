"""Recipes of other ways to infer the latent than the VAE's, and of learning under them."""

from dataclasses import replace
from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.objective import Objective
from genbench.models.variational_em import PerDatumVae, SharedPosteriorVae
from genbench.objectives.elbo import negative_elbo
from genbench.objectives.variational_em import negative_per_datum_elbo
from genbench.objectives.wake_sleep import negative_sleep_log_posterior, negative_wake_elbo
from genbench.recipes.builtin import build_vae
from genbench.recipes.networks import initialise, make_decoder
from genbench.recipes.options import (
    BernoulliOptions,
    GaussianLatentOptions,
    NetworkOptions,
    ObservationOptions,
    observation_head,
)
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig
from genbench.training.update import Update


class WakeSleepOptions(GaussianLatentOptions):
    """Each batch makes one wake step, then ``sleep_steps`` at ``sleep_rate`` times its rate.

    An encoder that lags behind the decoder gives it codes that the prior would never draw; the
    decoder learns these, its dreams become another world, and the bound falls.
    """

    sleep_rate: PositiveFloat = 1.0
    sleep_steps: PositiveInt = 1


@recipe("wake_sleep")
def wake_sleep(data: DataFacts, options: WakeSleepOptions, train: TrainConfig) -> Built:
    """The VAE's networks under wake-sleep: decoder on data, encoder on the decoder's dreams."""
    waking = negative_wake_elbo(options.n_samples)
    built = build_vae(data, options, waking)
    inferring = ("encoder.", "posterior_head.")
    named = list(built.model.named_parameters())
    generative = [p for name, p in named if not name.startswith(inferring)]
    inference = [p for name, p in named if name.startswith(inferring)]
    updates = (
        Update("wake", generative, waking),
        Update(
            "sleep",
            inference,
            negative_sleep_log_posterior(),
            learning_rate_scale=options.sleep_rate,
            steps_per_batch=options.sleep_steps,
            validates=False,
        ),
    )
    return replace(built, updates=updates)


class VariationalEmOptions(NetworkOptions):
    """A decoder, and a posterior that is a free Gaussian: ``per_datum``, or one ``shared`` by all.

    Of the network only the decoder is used. Each batch makes ``inference_steps`` steps of the
    posterior, at ``inference_rate`` times the learning rate, then one of the decoder: a free
    parameter of a datum is reached once an epoch, the decoder with each batch.
    """

    observation: ObservationOptions = BernoulliOptions()
    n_samples: PositiveInt = 1
    scheme: Literal["per_datum", "shared"] = "per_datum"
    inference_rate: PositiveFloat = 10.0
    inference_steps: PositiveInt = 1


@recipe("variational_em")
def variational_em(data: DataFacts, options: VariationalEmOptions, train: TrainConfig) -> Built:
    """The VAE's decoder without an encoder: a free q(z) for each datum, or one for all."""
    head = observation_head(options.observation)
    decoder = make_decoder(data, options, head.n_per_pixel)
    model: PerDatumVae | SharedPosteriorVae
    if options.scheme == "shared":
        model = SharedPosteriorVae(decoder, head, options.latent_dim)
        objective = negative_elbo(1.0, train.kl_warmup_epochs, options.n_samples)
    else:
        if not data.n_train:
            raise ConfigError("scheme: 'per_datum' needs to know how many training data there are")
        model = PerDatumVae(decoder, head, options.latent_dim, data.n_train)
        objective = negative_per_datum_elbo(train.kl_warmup_epochs, options.n_samples)
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    updates = _em_updates(model, objective, options)
    return Built(model, updates, observation=head, observation_name=head.name)


def _em_updates(
    model: nn.Module, objective: Objective, options: VariationalEmOptions
) -> tuple[Update, Update]:
    """Return the E step and the M step; only a shared posterior says anything of held-out data."""
    named = list(model.named_parameters())
    free = [p for name, p in named if name.startswith("free.")]
    rest = [p for name, p in named if not name.startswith("free.")]
    return (
        Update(
            "e_step",
            free,
            objective,
            learning_rate_scale=options.inference_rate,
            steps_per_batch=options.inference_steps,
            validates=False,
        ),
        Update("m_step", rest, objective, validates=options.scheme == "shared"),
    )
