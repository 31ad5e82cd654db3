"""Which runs can be trained jointly."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from genbench.core.objective import Loss
from genbench.core.seeding import Stream
from genbench.objectives.elbo import NegativeElbo
from genbench.training.config import TrainConfig
from genbench.training.joint.batched_call import IncompatibleError
from genbench.training.joint.compatible import compatible, compatible_groups
from genbench.training.joint.loop import fit_together
from genbench.training.loop import Loop
from genbench.training.update import Update
from tests.training.joint.members import Pictures, member, with_options

HERE = Path()
DATA = Pictures((1, 8, 8))
SMALL = TrainConfig(epochs=1, batch_size=20)


def of(recipe="vae", seed=0, config=SMALL, **options):
    return member(with_options(recipe, **options), seed, HERE, DATA, config)


def test_runs_that_differ_in_seed_learning_rate_and_beta_are_compatible():
    faster = SMALL.model_copy(update={"learning_rate": 0.1})
    assert compatible(of("beta_vae", beta=2.0), of("beta_vae", 7, faster, beta=0.0))


OTHERS = {
    "sizes": (of(), of(hidden=(11, 8))),
    "activation": (of(), of(activation="tanh")),
    "scale of a fixed Gaussian": tuple(
        of(observation={"kind": "gaussian", "scale": scale}) for scale in (0.1, 0.2)
    ),
    "dropout": (of("gan", dropout=0.1), of("gan", dropout=0.2)),
    "draws": (of(n_samples=1), of(n_samples=2)),
    "Adam's betas": (of("gan", beta1=0.5), of("gan", beta1=0.6)),
    "batch size": (of(), of(config=SMALL.model_copy(update={"batch_size": 10}))),
    "objective": (of(), of("iwae")),
    "size of the latent": (of("gan"), of("gan", latent_dim=4)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_runs_of_other_computations_are_not_compatible(what):
    a, b = OTHERS[what]
    assert compatible(a, a)
    assert not compatible(a, b)
    assert compatible_groups([a, b, a]) == [[0, 2], [1]]
    with pytest.raises(IncompatibleError, match="not compatible"):
        fit_together([a, b])


def toy(objective, model=None):
    model = model or nn.Linear(2, 2)
    update = Update("toy", list(model.parameters()), objective)
    return Loop(model, (update,), DATA, SMALL, Stream(0))


def test_objectives_made_inside_functions_are_never_compatible():
    def objective():
        return lambda model, batch: Loss(model.weight.sum(), {})

    assert not compatible(toy(objective()), toy(objective()))
    assert compatible(toy(NegativeElbo()), toy(NegativeElbo()))


@dataclass(frozen=True)
class Marked:
    """An objective with a number that may differ and one that may not."""

    shared: float = 1.0


def test_a_field_that_is_not_marked_must_be_equal():
    assert not compatible(toy(Marked(1.0)), toy(Marked(2.0)))


def test_a_buffer_that_is_not_stored_must_be_equal():
    def with_buffer(value):
        model = nn.Linear(2, 2)
        model.register_buffer("limit", torch.tensor(value), persistent=False)
        return toy(NegativeElbo(), model)

    assert compatible(with_buffer(1.0), with_buffer(1.0))
    assert not compatible(with_buffer(1.0), with_buffer(2.0))


def test_an_update_of_parameters_outside_the_model_is_compatible_with_nothing():
    stray = toy(NegativeElbo())
    update = Update("toy", [nn.Parameter(torch.ones(1))], NegativeElbo())
    stray = Loop(stray.model, (update,), DATA, SMALL, Stream(0))
    assert not compatible(stray, stray)
