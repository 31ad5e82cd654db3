"""A function of one member, called for all at once: recorded draws, and what is refused."""

import pytest
import torch
from torch.nn.functional import dropout

from genbench.training.joint.batched_call import BatchedCall, IncompatibleError
from genbench.training.joint.stacked_parameters import stack_tensors

IMAGES = stack_tensors(
    [torch.rand(5, 4, 4, 4).to(memory_format=torch.channels_last) for _ in range(3)]
)
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
    "dropout in evaluation": lambda x: dropout(x, 0.4, training=False),
    "several": lambda x: torch.rand(3) + dropout(x.sum() * torch.randn(3), 0.5),
    "nothing": lambda x: x.sum(),
}
ROUNDED = ("normal_ scaled", "normal of numbers", "uniform_ scaled")
"""Draws that torch scales inside one kernel: here it takes two, with one more rounding."""


def generators(n=3):
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def first_call(call, x):
    call.draw(generators())
    return call(None, x)


@pytest.mark.parametrize("x", [torch.arange(9.0).reshape(3, 3) / 9, IMAGES], ids=["rows", "images"])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_known_draw_gives_each_member_its_own_numbers(draw, x):
    tolerance = 1e-6 if draw in ROUNDED else 0.0

    def function(_, x):
        value = DRAWS[draw](x)
        return value, value

    call, ours = BatchedCall(function), generators()
    call.draw(ours)
    values = [call(None, x)[0]]
    call.draw(ours)
    values.append(call(None, x)[0])
    with torch.random.fork_rng():
        for i in range(3):
            torch.manual_seed(i)
            for value in values:
                assert torch.allclose(value[i], DRAWS[draw](x[i]), rtol=tolerance, atol=tolerance)
            assert torch.equal(torch.get_rng_state(), ours[i].get_state())


def test_tracing_leaves_torchs_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first_call(BatchedCall(lambda _, x: (torch.rand(2) * x, x)), torch.ones(3, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_gradients_pass_through_dropout_and_not_through_sampled_normals():
    x = torch.ones(3, 8, requires_grad=True)
    call = BatchedCall(lambda _, x: (dropout(x, 0.5) + torch.normal(x, x), x))
    (gradient,) = torch.autograd.grad(first_call(call, x)[0].sum(), x)
    assert torch.equal(gradient, call.drawn[0])
    assert set(gradient.unique().tolist()) == {0.0, 2.0}


UNKNOWN = {
    "a draw that is not known": lambda x: x + torch.randint(5, (3,)),
    "a draw that depends on values": lambda x: torch.poisson(x),
    "a branch on a value": lambda x: x if x.sum() > 0 else -x,
    "a number in a list": lambda x: x * float(x[0]),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_cannot_be_batched_is_refused_when_traced(what):
    call = BatchedCall(lambda _, x: (UNKNOWN[what](x), x))
    with pytest.raises(IncompatibleError):
        first_call(call, torch.rand(3, 3))


def test_a_member_that_differs_outside_its_tensors_is_detected_when_traced():
    calls = iter([1.0, 2.0, 3.0, 4.0])  # another factor at each call, as a hidden state would give
    call = BatchedCall(lambda _, x: (x * next(calls), x))
    with pytest.raises(IncompatibleError, match="differs from the one computed alone"):
        first_call(call, torch.rand(3, 3))


def test_a_generator_of_its_own_is_not_a_members():
    own = torch.Generator().manual_seed(1)
    call = BatchedCall(lambda _, x: (x + torch.rand(3, generator=own), x))
    with pytest.raises(IncompatibleError):
        first_call(call, torch.rand(3, 3))


def test_members_are_called_in_groups_where_they_draw_much(monkeypatch):
    x, values = torch.rand(5, 7), []
    for most in (2**22, 14):
        monkeypatch.setattr("genbench.training.joint.batched_call.MAX_DRAWN", most)
        call = BatchedCall(lambda _, x: (x + torch.randn(7), x))
        call.draw(generators(5))
        values.append(call(None, x)[0])
    assert torch.equal(*values)
