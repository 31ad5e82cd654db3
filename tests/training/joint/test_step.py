"""The joint step: recorded, without reading a value, and clipped by each member's norm."""

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.training import capture
from genbench.training.joint import loop
from genbench.training.joint import step as step_module
from genbench.training.joint.loop import fit_together
from genbench.training.joint.step import clip_gradients
from genbench.training.optimizers import in_layout_of
from tests.training.joint.members import members, pictures_for, with_options


def test_a_recorded_joint_step_gives_the_bits_of_the_plain_one(tmp_path, monkeypatch):
    case = with_options("gan", dropout=0.3)
    data, recorders, real = pictures_for(case), [], loop.StepRecorder

    def recorder(*arguments):
        recorders.append(real(*arguments))
        return recorders[-1]

    monkeypatch.setattr(loop, "StepRecorder", recorder)
    plain = fit_together(members(case, tmp_path / "plain", data))
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 1)
    recorded = fit_together(members(case, tmp_path / "recorded", data))
    assert [bool(r.recording) for r in recorders] == [False, True]
    for one, other in zip(plain, recorded, strict=True):
        assert all(torch.equal(one.last[name], other.last[name]) for name in one.last)


class NoReading(TorchDispatchMode):
    """Fails where a value is read, which on a GPU waits for the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        for reads in ("_local_scalar_dense", "nonzero", "equal.default", "masked_select"):
            assert reads not in name, name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("recipe", ["vae", "cvae", "gan"])
def test_a_joint_step_reads_no_value(recipe, tmp_path):
    case = with_options(recipe)
    step = loop.JointLoop(members(case, tmp_path / "c", pictures_for(case))).step
    indices, rates = torch.arange(16).repeat(3, 1), torch.tensor([0.1] * len(step.updates)).double()
    step.draw()
    step(indices, 0.0, rates)
    with NoReading():
        step.draw()
        step(indices, 0.1, rates)
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NoReading():
        indices[0, 0].item()


def test_gradients_are_clipped_by_each_members_norm():
    gradients = {"w": torch.randn(3, 4, 2).double(), "b": torch.tensor([0.1, 5.0, 0.0]).double()}
    gradients["w"][2] *= 1e-3
    scaled, norms = clip_gradients(gradients, 1.0)
    for i in range(3):
        own = [nn.Parameter(g[i]) for g in gradients.values()]
        for p in own:
            p.grad = p.detach().clone()
        norm = clip_grad_norm_(own, 1.0)
        assert norms[i].item() == pytest.approx(norm.item(), rel=1e-14)
        for p, gradient in zip(own, scaled.values(), strict=True):
            assert torch.allclose(gradient[i], p.grad, rtol=1e-14)


@pytest.mark.parametrize("recipe", ["vae", "cvae", "gan"])
def test_gradients_of_linear_layers_arrive_in_the_layout_of_the_weights(
    recipe, tmp_path, monkeypatch
):
    copied = []

    def moved(parameter, gradient):
        placed = in_layout_of(parameter, gradient)
        copied.append(placed.data_ptr() != gradient.data_ptr())
        return placed

    monkeypatch.setattr(step_module, "in_layout_of", moved)
    case = with_options(recipe)
    loops = members(case, tmp_path / "c", pictures_for(case))
    joint = loop.JointLoop(loops)
    rates = torch.tensor([0.1] * len(joint.step.updates)).double()
    joint.step.draw()
    joint.step(torch.arange(16).repeat(3, 1), 0.0, rates)
    assert copied
    assert not any(copied)
    joint.step.stack.release()
    assert all(p.is_contiguous() for one in loops for p in one.model.parameters())
