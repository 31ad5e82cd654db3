"""What a function did to tensors, repeated on others."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from genbench.training.tape import recorded


def test_a_repetition_does_the_same_to_other_inputs():
    def step(x, weight):
        loss = (x @ weight).tanh().square().mean()
        (gradient,) = torch.autograd.grad(loss, [weight])
        with torch.no_grad():
            weight -= 0.1 * gradient
        return loss.detach()

    torch.manual_seed(0)
    repeat = recorded(step, torch.randn(5, 3), torch.randn(3, 2, requires_grad=True))
    x, plain = torch.randn(5, 3), torch.randn(3, 2, requires_grad=True)
    repeated = plain.detach().clone().requires_grad_()
    expected = step(x, plain)
    with torch.no_grad():
        assert torch.equal(repeat(x, repeated), expected)
    assert torch.equal(repeated, plain)


def test_what_a_fused_optimiser_changes_in_lists_is_repeated():
    parameter = nn.Parameter(torch.ones(3))
    adam = torch.optim.Adam([parameter], lr=torch.tensor(0.1), fused=True)

    def step(gradient, *state):
        parameter.grad = gradient
        adam.step()
        return parameter.detach()

    step(torch.ones(3))  # its state is there from now on
    state = [parameter, *adam.state[parameter].values()]
    start = [each.detach().clone() for each in state]
    repeat = recorded(step, torch.zeros(3), *state)
    outcomes = []
    for take in (step, repeat):
        with torch.no_grad():
            for each, before in zip(state, start, strict=True):
                each.copy_(before)
            take(torch.tensor([1.0, -2.0, 3.0]), *state)
        outcomes.append([each.detach().clone() for each in state])
    assert all(map(torch.equal, *outcomes))


def test_random_numbers_are_drawn_anew_and_constants_are_read_anew():
    constant = torch.ones(4)
    repeat = recorded(lambda x: x + constant * torch.randn(4), torch.zeros(4))
    constant.fill_(2.0)
    torch.manual_seed(1)
    found = repeat(torch.ones(4))
    torch.manual_seed(1)
    assert torch.equal(found, 1 + 2 * torch.randn(4))


@pytest.mark.parametrize("read", [torch.Tensor.item, bool, float])
def test_a_function_that_reads_a_value_is_refused(read):
    with pytest.raises(RuntimeError, match="reads the value of a tensor"):
        recorded(lambda x: x * read(x), torch.ones(()))


def test_what_a_function_learns_of_types_is_no_value():
    def widened(x):
        return x.to(torch.promote_types(x.dtype, torch.float64))

    assert recorded(widened, torch.ones(2))(torch.zeros(2)).dtype == torch.float64


def test_recording_needs_no_compiler():
    code = (
        "import sys, torch; from genbench.training.tape import recorded;"
        "recorded(lambda x: x + 1, torch.ones(2));"
        "assert not {'sympy', 'torch._dynamo', 'torch._inductor'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
