"""Recipes with other inference schemes than the VAE's: wake-sleep and variational EM."""

from dataclasses import replace
from typing import Literal

from pydantic import PositiveFloat, PositiveInt
from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.objective import Objective
from genbench.core.options import Count
from genbench.core.registry import Registry
from genbench.models.variational_em import PerDatumVae, SharedPosteriorVae
from genbench.objectives.elbo import NegativeElbo, NegativePerDatumElbo
from genbench.objectives.wake_sleep import NegativeSleepLogPosterior, NegativeWakeElbo
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

IS_SHARED = Registry("scheme", {"per_datum": False, "shared": True})


class WakeSleepOptions(GaussianLatentOptions):
    """Each batch: one wake step, then ``sleep_steps`` at ``sleep_rate`` times its learning rate.

    An encoder that lags behind gives the decoder codes that the prior would never produce. If the
    decoder learns them, its samples drift away from the data and the bound falls.
    """

    sleep_rate: PositiveFloat = 1.0
    sleep_steps: Count = 1


@recipe("wake_sleep")
def wake_sleep(data: DataFacts, options: WakeSleepOptions, train: TrainConfig) -> Built:
    """The VAE's networks trained by wake-sleep: decoder on data, encoder on dreams."""
    wake = NegativeWakeElbo(options.n_samples)
    built = build_vae(data, options, wake)
    updates = (
        Update("wake", _parameters(built.model, "decoder", "observation_head"), wake),
        Update(
            "sleep",
            _parameters(built.model, "encoder", "posterior_head"),
            NegativeSleepLogPosterior(),
            learning_rate_scale=options.sleep_rate,
            steps_per_batch=options.sleep_steps,
            validates=False,
        ),
    )
    return replace(built, updates=updates)


def _parameters(model: nn.Module, *parts: str) -> list[nn.Parameter]:
    return [p for part in parts for p in model.get_submodule(part).parameters()]


class VariationalEmOptions(NetworkOptions):
    """A decoder and free Gaussian posteriors: one for each datum, or one ``shared`` by all.

    Only the decoder of the networks is used. On each batch the posterior takes ``inference_steps``
    steps at ``inference_rate`` times the learning rate, then the decoder takes one: a datum's own
    parameters are visited once per epoch, the decoder is updated with each batch.
    """

    observation: ObservationOptions = BernoulliOptions()
    n_samples: PositiveInt = 1
    scheme: Literal["per_datum", "shared"] = "per_datum"
    inference_rate: PositiveFloat = 10.0
    inference_steps: Count = 1


@recipe("variational_em")
def variational_em(data: DataFacts, options: VariationalEmOptions, train: TrainConfig) -> Built:
    """The VAE's decoder without an encoder: a free q(z) for each datum, or one for all."""
    head = observation_head(options.observation)
    decoder = make_decoder(data, options, head.n_per_pixel)
    model: PerDatumVae | SharedPosteriorVae
    objective: Objective
    if IS_SHARED[options.scheme]:
        model = SharedPosteriorVae(decoder, head, options.latent_dim)
        objective = NegativeElbo(1.0, train.kl_warmup_epochs, options.n_samples)
    else:
        if not data.n_train:
            raise ConfigError("scheme: 'per_datum' needs the number of training data")
        model = PerDatumVae(decoder, head, options.latent_dim, data.n_train)
        objective = NegativePerDatumElbo(train.kl_warmup_epochs, options.n_samples)
    initialise(model, options)
    decoder.start_at(head.start(data.mean_image))
    updates = _em_updates(model, objective, options)
    return Built(model, updates, observation=head, observation_name=head.name)


def _em_updates(
    model: nn.Module, objective: Objective, options: VariationalEmOptions
) -> tuple[Update, Update]:
    """Return the E step and the M step; only a shared posterior applies to held-out data."""
    m_parameters = _parameters(model, "decoder", "observation_head")
    return (
        Update(
            "e_step",
            _parameters(model, "free"),
            objective,
            learning_rate_scale=options.inference_rate,
            steps_per_batch=options.inference_steps,
            validates=False,
        ),
        Update("m_step", m_parameters, objective, validates=IS_SHARED[options.scheme]),
    )
