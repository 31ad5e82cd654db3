"""What an ensemble is made of: recorded draws, rehearsals, and who may be trained with whom."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout
from torch.nn.utils import clip_grad_norm_

from genbench.core.objective import Loss
from genbench.core.seeding import Stream
from genbench.objectives.elbo import negative_elbo
from genbench.training.config import TrainConfig
from genbench.training.joint.batched_call import JointCall, NotTogetherError
from genbench.training.joint.compatible import Member, alike, partition
from genbench.training.joint.fit import fit_together
from genbench.training.joint.recorded_noise import Recorder
from genbench.training.joint.stacked_parameters import stacked
from genbench.training.joint.step import clipped
from genbench.training.update import Update
from tests.training.joint.test_fit import Pictures, member, with_options

IMAGES = stacked([torch.rand(5, 4, 4, 4).to(memory_format=torch.channels_last) for _ in range(3)])
DRAWS = {
    "randn": lambda x: torch.randn(3, 2) * x.sum(),
    "rand": lambda x: torch.rand((3, 2)) * x.sum(),
    "randn_like": lambda x: torch.randn_like(x) * x,
    "rand_like": lambda x: torch.rand_like(x) * x,
    "normal of tensors": lambda x: torch.normal(x, x.exp()),
    "normal of numbers": lambda x: torch.normal(2.0, 3.0, (4,)) + x.sum(),
    "normal_": lambda x: torch.empty(17).normal_() + x.sum(),
    "normal_ scaled": lambda x: torch.empty(4).normal_(1.0, 0.5) + x.sum(),
    "uniform_": lambda x: torch.empty(4).uniform_() + x.sum(),
    "uniform_ scaled": lambda x: torch.empty(4).uniform_(-2, 3) + x.sum(),
    "bernoulli": lambda x: torch.bernoulli(x) + x.sum(),
    "dropout": lambda x: dropout(x, 0.4),
    "dropout by name": lambda x: dropout(input=x, p=0.4, training=True),
    "dropout at rest": lambda x: dropout(x, 0.4, training=False),
    "several": lambda x: torch.rand(3) + dropout(x.sum() * torch.randn(3), 0.5),
    "nothing": lambda x: x.sum(),
}
ROUNDED = ("normal_ scaled", "normal of numbers", "uniform_ scaled")
"""Draws that torch scales inside one kernel: here it takes two, with one more rounding."""


def generators(n=3):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


@pytest.mark.parametrize("x", [torch.arange(9.0).reshape(3, 3) / 9, IMAGES], ids=["rows", "images"])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_known_draw_gives_each_member_its_own_numbers(draw, x):
    tolerance = 1e-6 if draw in ROUNDED else 0.0

    def function(_, x):
        value = DRAWS[draw](x)
        return value, value

    call, ours = JointCall(function), generators()
    call.rehearse(ours, None, x)
    found = [call(None, x)[0]]
    call.draw(ours)
    found.append(call(None, x)[0])
    with torch.random.fork_rng():
        for i in range(3):
            torch.manual_seed(i)
            for value in found:
                assert torch.allclose(value[i], DRAWS[draw](x[i]), rtol=tolerance, atol=tolerance)
            assert torch.equal(torch.get_rng_state(), ours[i].get_state())


def test_a_rehearsal_leaves_torchs_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    JointCall(lambda _, x: (torch.rand(2) * x, x)).rehearse(generators(), None, torch.ones(3, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_pass_through_dropout_and_not_through_sampled_normals():
    x = torch.ones(3, 8, requires_grad=True)
    call = JointCall(lambda _, x: (dropout(x, 0.5) + torch.normal(x, x), x))
    call.rehearse(generators(), None, x)
    (gradient,) = torch.autograd.grad(call(None, x)[0].sum(), x)
    assert torch.equal(gradient, call.drawn[0])
    assert set(gradient.unique().tolist()) == {0.0, 2.0}


UNKNOWN = {
    "a draw that is not known": lambda x: x + torch.randint(5, (3,)),
    "a draw that depends on values": lambda x: torch.poisson(x),
    "a branch on a value": lambda x: x if x.sum() > 0 else -x,
    "a number in a list": lambda x: x * float(x[0]),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_cannot_be_batched_is_refused_at_the_rehearsal(what):
    call = JointCall(lambda _, x: (UNKNOWN[what](x), x))
    with pytest.raises(NotTogetherError):
        call.rehearse(generators(), None, torch.rand(3, 3))


def test_a_member_that_differs_outside_its_tensors_is_found_at_the_rehearsal():
    calls = iter([1.0, 2.0, 3.0, 4.0])  # another factor at each call, as a hidden state would give
    call = JointCall(lambda _, x: (x * next(calls), x))
    with pytest.raises(NotTogetherError, match="not that of one alone"):
        call.rehearse(generators(), None, torch.rand(3, 3))


def test_a_generator_of_its_own_is_not_a_members():
    own = torch.Generator().manual_seed(1)
    call = JointCall(lambda _, x: (x + torch.rand(3, generator=own), x))
    with pytest.raises(NotTogetherError):
        call.rehearse(generators(), None, torch.rand(3, 3))


def test_members_are_called_in_groups_where_they_draw_much(monkeypatch):
    x, found = torch.rand(5, 7), []
    for most in (2**22, 14):
        monkeypatch.setattr("genbench.training.joint.batched_call.MOST_DRAWN", most)
        call = JointCall(lambda _, x: (x + torch.randn(7), x))
        call.rehearse(generators(5), None, x)
        found.append(call(None, x)[0])
    assert torch.equal(*found)


def test_a_tape_tells_what_was_drawn():
    with Recorder() as recorder:
        torch.rand(2, 3)
        dropout(torch.ones(4), 0.5)
    assert [tuple(draw.shape) for draw in recorder.tape.draws] == [(2, 3), (4,)]
    assert recorder.tape.numel == 10


def test_gradients_are_clipped_by_each_members_norm():
    gradients = {"w": torch.randn(3, 4, 2).double(), "b": torch.tensor([0.1, 5.0, 0.0]).double()}
    gradients["w"][2] *= 1e-3
    scaled, norms = clipped(gradients, 1.0)
    for i in range(3):
        own = [nn.Parameter(g[i]) for g in gradients.values()]
        for p in own:
            p.grad = p.detach().clone()
        norm = clip_grad_norm_(own, 1.0)
        assert norms[i].item() == pytest.approx(norm.item(), rel=1e-14)
        for p, found in zip(own, scaled.values(), strict=True):
            assert torch.allclose(found[i], p.grad, rtol=1e-14)


# --- who is alike ---------------------------------------------------------------------------------

HERE = Path()
SMALL = TrainConfig(epochs=1, batch_size=20)


def of(recipe="vae", seed=0, config=SMALL, **options):
    return member(with_options(recipe, **options), seed, HERE, config)


def test_runs_that_differ_in_seed_learning_rate_and_beta_are_alike():
    faster = SMALL.model_copy(update={"learning_rate": 0.1})
    assert alike(of("beta_vae", beta=2.0), of("beta_vae", 7, faster, beta=0.0))


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
def test_runs_of_other_computations_are_not_alike(what):
    a, b = OTHERS[what]
    assert alike(a, a)
    assert not alike(a, b)
    assert partition([a, b, a]) == [[0, 2], [1]]
    with pytest.raises(NotTogetherError, match="not alike"):
        fit_together([a, b], Pictures((1, 8, 8)))


def toy(objective, model=None):
    model = model or nn.Linear(2, 2)
    update = Update("toy", list(model.parameters()), objective)
    return Member(model, (update,), SMALL, Stream(0), HERE)


def test_objectives_made_inside_functions_are_never_alike():
    def make():
        return lambda model, batch: Loss(model.weight.sum(), {})

    assert not alike(toy(make()), toy(make()))
    assert alike(toy(negative_elbo()), toy(negative_elbo()))


@dataclass(frozen=True)
class Marked:
    """An objective with a number that may differ and one that may not."""

    shared: float = 1.0


def test_a_field_that_is_not_marked_must_be_equal():
    assert not alike(toy(Marked(1.0)), toy(Marked(2.0)))


def test_a_buffer_that_is_not_stored_must_be_equal():
    def with_buffer(value):
        model = nn.Linear(2, 2)
        model.register_buffer("limit", torch.tensor(value), persistent=False)
        return toy(negative_elbo(), model)

    assert alike(with_buffer(1.0), with_buffer(1.0))
    assert not alike(with_buffer(1.0), with_buffer(2.0))


def test_an_update_of_parameters_outside_the_model_is_not_alike_to_anything():
    stray = toy(negative_elbo())
    update = Update("toy", [nn.Parameter(torch.ones(1))], negative_elbo())
    stray = Member(stray.model, (update,), SMALL, Stream(0), HERE)
    assert not alike(stray, stray)
