"""Adam without torch's compiler: the steps of torch's own."""

import copy
import subprocess
import sys

import pytest
import torch

from genbench.training.fused_adam import FusedAdam
from tests.training.test_divided_adam import network, train


@pytest.mark.parametrize("flags", [[0.0] * 4, [0.0, 1.0, 0.0, 1.0]])
def test_it_steps_bit_for_bit_as_torchs_own(flags):
    model = network()
    own = train(FusedAdam, copy.deepcopy(model), flags)
    torchs = train(torch.optim.Adam, copy.deepcopy(model), flags)
    assert all(torch.equal(a, b) for a, b in zip(own, torchs, strict=True))


def test_it_goes_on_from_a_stored_state_as_torchs_own():
    ends = []
    for kind in (FusedAdam, torch.optim.Adam):
        parameter = torch.nn.Parameter(torch.ones(3))
        state = kind([parameter], lr=0.1, fused=True).state_dict()
        for n in range(3):
            optimizer = kind([parameter], lr=0.1, fused=True)
            optimizer.load_state_dict(state)
            parameter.grad = torch.tensor([1.0, 2.0, 3.0]) * (n - 1.5)
            optimizer.step()
            state = optimizer.state_dict()
        ends.append(parameter.detach())
    assert torch.equal(*ends)


def test_training_and_its_recording_need_no_compiler():
    code = """
import sys
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.recipes import recipes
from genbench.runs.build import facts_of
from genbench.training import capture
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
capture.CAPTURE_STEPS = 0
data = load(DataConfig(name="digits", binarisation="dynamic", limit=40))
config = TrainConfig(epochs=2, batch_size=10)
built = recipes["vae"].build(facts_of(data), recipes["vae"].options(hidden=(4,)), config)
loop = Loop(built.model, built.updates, data, config, Stream(0))
fit(loop)
assert loop.run_steps.recording
assert not {"sympy", "torch._dynamo", "torch._inductor"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
