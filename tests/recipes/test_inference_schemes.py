"""What the recipes of wake-sleep and of the mixture prior build beside the VAE's."""

import pytest
import torch

from genbench.core.seeding import seeded
from genbench.models.linear_vae import LinearVae
from genbench.models.mixture_vae import LinearMixtureVae, MixtureVae
from genbench.objectives.wake_sleep import NegativeSleepLogPosterior, NegativeWakeElbo
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

FACTS = DataFacts((1, 4, 4), 10, torch.full((1, 4, 4), 0.4), 50)
SMALL = {"hidden": (6,), "latent_dim": 2}


def build(name, train=None, **options):
    chosen = recipes[name]
    with seeded(0, "init"):
        return chosen.build(FACTS, chosen.options(**(SMALL | options)), train or TrainConfig())


def test_wake_sleep_trains_the_networks_of_the_vae():
    ours, vae = build("wake_sleep").model, build("vae").model
    assert type(ours) is type(vae)
    theirs = vae.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in ours.state_dict().items())


def test_the_decoder_wakes_and_the_encoder_sleeps():
    built = build("wake_sleep", observation="learned_gaussian", n_samples=3)
    names = {id(p): name for name, p in built.model.named_parameters()}
    wake, sleep = ({names[id(p)].split(".")[0] for p in u.parameters} for u in built.updates)
    assert wake == {"decoder", "observation_head"}
    assert sleep == {"encoder", "posterior_head"}
    assert [u.validates for u in built.updates] == [True, False]
    assert built.updates[0].objective == NegativeWakeElbo(3)
    assert built.updates[1].objective == NegativeSleepLogPosterior()


def test_the_sleep_phase_has_a_pace_of_its_own():
    wake, sleep = build("wake_sleep", sleep_rate=3.0, sleep_steps=2).updates
    assert (wake.learning_rate_scale, wake.steps_per_batch) == (1.0, 1)
    assert (sleep.learning_rate_scale, sleep.steps_per_batch) == (3.0, 2)


@pytest.mark.parametrize(
    ("hidden", "observation", "kind", "plain"),
    [
        ((6,), "bernoulli", MixtureVae, False),
        ((), "bernoulli", MixtureVae, False),
        ((), "learned_gaussian", LinearMixtureVae, True),
    ],
)
def test_a_linear_decoder_makes_the_mixture_exact(hidden, observation, kind, plain):
    built = build("mixture_vae", hidden=hidden, observation=observation, n_components=4)
    assert type(built.model) is kind
    assert not isinstance(built.model, LinearVae)
    assert hasattr(built.model, "log_prob") == plain
    assert built.model.mixture.loc.shape == (4, 2)


def test_the_mixture_is_learned_and_its_components_start_apart():
    built = build("mixture_vae", n_components=4)
    learned = {id(p) for p in built.updates[0].parameters}
    assert {id(p) for p in built.model.mixture.parameters()} <= learned
    assert float(torch.pdist(built.model.mixture.loc.detach()).min()) > 0.01


def test_warm_up_weights_the_divergence_from_the_mixture():
    built = build("mixture_vae", TrainConfig(kl_warmup_epochs=7), n_samples=2)
    objective = built.updates[0].objective
    assert (objective.warmup_epochs, objective.n_samples, objective.beta) == (7, 2, 1.0)
