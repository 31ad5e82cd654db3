"""Every recipe's model on the GPU answers as on the processor, in float64."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from genbench.core.seeding import seeded
from tests.contracts.builders import CASES, B, Ready, outputs


class DrawnOnProcessor(TorchFunctionMode):
    """Makes ``torch.randn_like`` draw on the processor, for tensors of any device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.randn_like:
            return func(args[0].cpu(), **kwargs or {}).to(args[0].device)
        return func(*args, **kwargs or {})


def moved(case, device):
    """Return the model of a case and its data on a device."""
    ready = Ready.fresh(case)
    ready.model.to(device)
    ready.x, ready.y = ready.x.to(device), ready.y.to(device)
    ready.codes = lambda *leading, **seed: Ready.of(case).codes(*leading, **seed).to(device)
    return ready


IMAGES = ("copier", "kmeans")
"""Recipes that answer with stored images, whose grey levels are float32."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_model_answers_as_on_the_processor(device, case):
    with DrawnOnProcessor():
        expected, found = outputs(Ready.of(case)), outputs(moved(case, device))
    tolerance = 1e-7 if case.recipe in IMAGES else 1e-9
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.device.type == device.type
        assert (value.shape, value.dtype) == (expected[name].shape, expected[name].dtype)
        if name != "sample":  # drawn in many ways: each device has its own numbers
            assert torch.allclose(value.cpu(), expected[name], rtol=tolerance, atol=tolerance), name


@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: case.name)
def test_every_loss_and_gradient_is_that_of_the_processor(device, case):
    """Those that draw nothing; the bits of the others depend on the device's generator."""
    for one, other in zip(losses(Ready.fresh(case)), losses(moved(case, device)), strict=True):
        if one is not None and other is not None:
            assert torch.allclose(one, other.cpu(), rtol=1e-8, atol=1e-10)


def losses(ready):
    """Return the loss and gradient of each update in one vector, or None where it draws."""
    ready.model.eval()  # no dropout
    batch = ready.batch()
    batch = batch._replace(indices=batch.indices.to(ready.x.device))
    for update in ready.built.updates:
        twice = []
        for seed in range(2):
            with seeded(seed, "loss"):
                value = update.objective(ready.model, batch).value
            slopes = torch.autograd.grad(value, update.parameters, allow_unused=True)
            twice.append(torch.cat([value[None], *(g.flatten() for g in slopes if g is not None)]))
        yield twice[0].detach() if torch.equal(*twice) else None


def test_some_losses_draw_nothing():
    told = [loss is not None for case in CASES[::3] for loss in losses(Ready.fresh(case))]
    assert sum(told) > 10


def test_samples_follow_the_seed_on_the_device(device):
    case = next(case for case in CASES if case.recipe == "vae")
    ready = moved(case, device)
    drawn = []
    for seed in (0, 0, 1):
        with seeded(seed, "s"):
            drawn.append(ready.view.sample(B))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
