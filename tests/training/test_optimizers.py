"""The optimisers against their formulas, written out in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from genbench.core.errors import ConfigError
from genbench.training.config import TrainConfig
from genbench.training.optimizers import UnfusedAdagrad, in_layout_of, make_optimizer
from genbench.training.update import Update

RATE, DECAY = 0.05, 0.3
GRADIENTS = np.random.default_rng(0).normal(size=(6, 4))


def adagrad(w, gradients):
    total = np.zeros_like(w)
    for g in gradients:
        slope = g + DECAY * w
        total += slope**2
        w = w - RATE * slope / (np.sqrt(total) + 1e-10)
    return w


def sgd(w, gradients):
    speed = np.zeros_like(w)
    for g in gradients:
        speed = 0.9 * speed + g + DECAY * w
        w = w - RATE * speed
    return w


def adam(w, gradients):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        slope = g + DECAY * w
        m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
        w = w - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


@pytest.mark.parametrize("formula", [adam, adagrad, sgd])
def test_steps_follow_the_formula_with_weight_decay_in_the_gradient(formula):
    parameter = nn.Parameter(torch.linspace(-1, 1, 4, dtype=torch.float64))
    config = TrainConfig(
        optimizer=formula.__name__, learning_rate=RATE, weight_decay=DECAY, momentum=0.9
    )
    optimizer = make_optimizer(Update("u", [parameter], lambda *_: None), config)
    for gradient in GRADIENTS:
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    expected = formula(np.linspace(-1, 1, 4), GRADIENTS)
    assert np.allclose(parameter.detach().numpy(), expected, rtol=0, atol=1e-12)


def test_an_unknown_optimiser_is_refused_with_the_nearest_name():
    config = TrainConfig().model_copy(update={"optimizer": "adamw"})  # not validated
    update = Update("u", [nn.Parameter(torch.zeros(1))], lambda *_: None)
    with pytest.raises(ConfigError, match="unknown optimizer 'adamw'; did you mean 'adam'"):
        make_optimizer(update, config)


def both_adagrads(gradients):
    """Take the same steps with the fused Adagrad and with ours; return their parameters."""
    finals = []
    for make in (torch.optim.Adagrad, UnfusedAdagrad):
        parameters = [nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4)) for _ in range(2)]
        optimizer = make(parameters, lr=torch.tensor(RATE).double(), weight_decay=DECAY, fused=True)
        optimizer.found_inf = torch.zeros(())
        for gradient in gradients:
            parameters[0].grad = gradient.clone()  # the other one has none
            optimizer.found_inf.fill_(not gradient.isfinite().all())
            optimizer.step()
        finals.append((*parameters, optimizer.state[parameters[0]]["sum"]))
    return finals


def test_the_unfused_adagrad_takes_the_fused_steps():
    generator = torch.Generator().manual_seed(0)
    fused, ours = both_adagrads(torch.randn(20, 3, 4, generator=generator))
    for one, other in zip(fused, ours, strict=True):
        assert torch.allclose(one, other, rtol=2e-6, atol=1e-7)
    assert torch.equal(fused[1], ours[1])


def test_the_unfused_adagrad_skips_a_step_that_is_not_finite_and_keeps_every_bit():
    good = torch.ones(3, 4)
    _, once = both_adagrads([good])
    _, skipped = both_adagrads([good, good * float("nan"), good * float("inf")])
    assert all(torch.equal(a, b) for a, b in zip(once, skipped, strict=True))


def test_the_unfused_adagrad_continues_the_state_of_the_fused_one():
    parameter = nn.Parameter(torch.ones(4))
    first = torch.optim.Adagrad([parameter], lr=RATE, fused=True)
    parameter.grad = torch.full((4,), 3.0)
    first.step()
    then = UnfusedAdagrad([parameter], lr=torch.tensor(RATE), weight_decay=0.0, fused=True)
    state = first.state_dict()["state"]
    then.load_state_dict({"state": state, "param_groups": then.state_dict()["param_groups"]})
    before = parameter.detach().clone()
    then.step()
    expected = before - RATE * 3.0 / np.sqrt(18.0)
    assert torch.allclose(parameter, expected, rtol=1e-6)


def test_a_gradient_is_brought_into_the_layout_of_its_parameter_without_a_needless_copy():
    parameter = torch.zeros(4, 1, 3, 3).to(memory_format=torch.channels_last)
    same = torch.randn(4, 1, 3, 3)  # one channel: the order in memory is the same
    assert in_layout_of(parameter, same).data_ptr() == same.data_ptr()
    assert in_layout_of(parameter, same).stride() == parameter.stride()
    wide = torch.zeros(4, 2, 3, 3).to(memory_format=torch.channels_last)
    other = torch.randn(4, 2, 3, 3)
    moved = in_layout_of(wide, other)
    assert moved.stride() == wide.stride()
    assert torch.equal(moved, other)
