"""Models and losses on a GPU that is not there: torch's fake tensors have devices, but no values.

A tensor that stays on the processor raises an error as on a GPU, and so does reading a value, which
would wait for the GPU.
"""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.core.capabilities import bind
from genbench.core.objective import Batch
from tests.contracts.builders import CASES, TRAINED, B, Ready

GPU = torch.device("cuda", 0)


class NoScaleRead(TorchDispatchMode):
    """Refuses ``torch.normal``, which reads on a GPU whether every scale is positive."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in (torch.ops.aten.normal.Tensor_Tensor, torch.ops.aten.normal.float_Tensor)
        return func(*args, **(kwargs or {}))


def one_of_each(cases):
    """Parametrise over one shape of each recipe, observation model and posterior."""
    keys = ("observation", "posterior")
    chosen = {(c.recipe, *(str(c.options.get(key)) for key in keys)): c for c in cases}
    return pytest.mark.parametrize("case", chosen.values(), ids=lambda case: case.name)


def without_values(tensor):
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=GPU)


def put_on_gpu(model):
    """Replace a model's tensors by ones on a GPU that have no values."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(without_values(parameter)))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, without_values(buffer))


def test_fake_tensors_refuse_what_a_gpu_refuses_and_reading_a_value():
    with FakeTensorMode():
        x = torch.empty(3, device=GPU)
        with pytest.raises(RuntimeError, match="device"):
            x + torch.empty(3)
        with pytest.raises(DataDependentOutputException):
            float(x.sum())


@one_of_each(TRAINED)
def test_a_loss_needs_the_gpu_only_and_reads_no_value(case):
    ready = Ready.fresh(case)
    model, (x, y, _, indices) = ready.model.train(), ready.batch()
    with FakeTensorMode(), torch.no_grad(), NoScaleRead():
        put_on_gpu(model)
        clock = torch.empty((), dtype=torch.float64, device=GPU)
        batch = Batch(without_values(x), without_values(y), clock, without_values(indices))
        for update in ready.built.updates:
            loss = update.objective(model, batch)
            assert {loss.value.device, *(v.device for v in loss.logged.values())} == {GPU}


@one_of_each(CASES)
def test_what_a_model_answers_about_data_on_the_gpu_is_there(case):
    ready = Ready.fresh(case)
    with FakeTensorMode(), torch.no_grad():
        put_on_gpu(ready.model)
        x, found = without_values(ready.x), {}
        view = bind(ready.model, without_values(ready.y), x)
        if hasattr(view, "posterior"):
            found["code"] = view.posterior(x).sample()
        if hasattr(view, "encode"):
            found["code"] = view.encode(x)
        if hasattr(view, "prior"):
            found["code"] = view.prior().sample((B,))
        if hasattr(view, "observation_model"):
            found["observation"] = view.observation_model(found["code"]).log_prob(x)
        if hasattr(view, "decode"):
            found["mean image"] = view.decode(found["code"])
        if hasattr(view, "critic"):
            found["logit"] = view.critic(x)
        assert {value.device for value in found.values()} <= {GPU}
