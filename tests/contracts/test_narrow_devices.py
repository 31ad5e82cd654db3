"""Training needs no float64, so it runs on devices that have none, such as ``mps``.

``meta`` stands in for such a device: it computes shapes and dtypes only.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genbench.core import devices
from genbench.core.objective import Batch
from genbench.recipes import DataFacts, recipes
from genbench.training.capture import take_steps
from genbench.training.config import TrainConfig
from genbench.training.step import Inputs

META, SHAPE, B = torch.device("meta"), (1, 4, 4), 6


class NoFloat64(TorchDispatchMode):
    """Raise where a tensor on ``meta`` would be float64, as ``mps`` does."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.is_meta and leaf.dtype == torch.float64:
                raise TypeError(f"{func} made a float64 tensor")
        return result


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(devices, "NARROW", {"meta"})


def updates_of(recipe):
    facts = DataFacts(SHAPE, 10, torch.full(SHAPE, 0.3), n_train=2000)
    size = {"latent_dim": 3} if "latent_dim" in recipes[recipe].options.model_fields else {}
    return recipes[recipe].build(facts, recipes[recipe].options(**size), TrainConfig())


TRAINED = sorted(name for name in recipes if updates_of(name).updates)


def test_the_stand_in_refuses_float64():
    with NoFloat64(), pytest.raises(TypeError, match="float64"):
        torch.zeros(2, device=META).double()


@pytest.mark.parametrize("recipe", TRAINED)
def test_no_loss_or_gradient_is_float64(recipe):
    built = updates_of(recipe)
    before = [*built.model.parameters()]
    model = built.model.to(META)
    moved = dict(zip(before, model.parameters(), strict=True))  # here a move makes new ones
    batch = Batch(
        torch.zeros(B, *SHAPE, device=META),
        torch.zeros(B, dtype=torch.int64, device=META),
        torch.zeros((), device=META),
        torch.arange(B, device=META),
    )
    for update in built.updates:
        with NoFloat64():
            loss = update.objective(model, batch)
            parameters = [moved[parameter] for parameter in update.parameters]
            found = torch.autograd.grad(loss.value, parameters, allow_unused=True)
        assert {gradient.dtype for gradient in found if gradient is not None} == {torch.float32}


def test_what_steps_read_and_sum_up_is_as_wide_as_the_device():
    wide = torch.zeros(2, dtype=torch.float64)
    inputs = Inputs(torch.zeros(2, B, dtype=torch.int64), wide, wide[:, None])
    assert inputs.to(torch.device("cpu")).epoch.dtype == torch.float64

    class Step:
        def draw(self):
            pass

        def __call__(self, indices, epoch, rates):
            return epoch[None]

    with NoFloat64():
        there = inputs.to(META)
        assert (there.epoch.dtype, there.rates.dtype) == (torch.float32, torch.float32)
        assert take_steps(Step(), there, None).dtype == torch.float32
    assert take_steps(Step(), inputs, None).dtype == torch.float64
