"""Random numbers on the GPU: addressed by name, and independent of what was drawn before."""

import subprocess
import sys

import pytest
import torch

from genbench.api import loading
from genbench.core.seeding import Stream, seeded
from genbench.training.loop import Loop
from tests.gpu.small import CONFIG, STREAM, built, digits, grey_digits, trained

CPU = torch.device("cpu")
KINDS = {
    "normal": lambda device: torch.randn(1000, device=device),
    "uniform": lambda device: torch.rand(1000, device=device),
    "exponential": lambda device: torch.empty(1000, device=device).exponential_(),
    "bernoulli": lambda device: torch.bernoulli(torch.full((1000,), 0.3, device=device)),
    "permutation": lambda device: torch.randperm(1000, device=device),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gives_the_same_numbers_whatever_was_drawn_before(device, kind):
    drawn = []
    for n, seed in ((1, 0), (1001, 0), (1, 1)):
        torch.rand(n, device=device)
        with seeded(seed, "a name"):
            drawn.append(KINDS[kind](device))
    assert drawn[0].device.type == device.type
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("where", ["device", "cpu"])
def test_the_callers_own_numbers_go_on_after_a_stream(device, where):
    there = device if where == "device" else CPU
    generators = []
    for within in (False, True):
        torch.manual_seed(3)
        torch.rand(5, device=there)
        if within:
            with seeded(0, "a name"):
                torch.rand(7, device=there)
        generators.append(torch.rand(5, device=there))
    assert torch.equal(*generators)


FIRST_USE = """
import torch
from genbench.core.devices import use_device
from genbench.core.seeding import seeded
device = use_device("cuda")
with seeded(0, "a name"):
    print(torch.randn(3, device=device).tolist())
"""


def test_the_first_numbers_of_a_process_are_addressed_too(cuda):
    with seeded(0, "a name"):
        expected = torch.randn(3, device=cuda).tolist()
    found = subprocess.run([sys.executable, "-c", FIRST_USE], capture_output=True, text=True)
    assert found.stdout.strip() == str(expected), found.stderr


def test_generators_of_streams_are_on_the_processor():
    assert Stream(0).generator().device.type == "cpu"


@pytest.mark.parametrize("serve", [digits, grey_digits])
def test_data_are_the_same_bits_on_every_device(device, serve):
    here, there = serve(CPU), serve(device)
    for split in ("train", "validation", "test"):
        for one, other in zip(here.held_out(split), there.held_out(split), strict=True):
            assert other.device.type == device.type
            assert torch.equal(one, other.cpu())


def test_initial_weights_and_data_order_are_the_same_on_every_device(device):
    loops = []
    for there in (CPU, device):
        data = digits(there)
        made = built(data, "vae")
        loops.append(Loop(made.model, made.updates, data, CONFIG, STREAM))
    here, there = (loop.model.state_dict() for loop in loops)
    rounded = [n for n, tensor in here.items() if not torch.equal(tensor, there[n].cpu())]
    assert len(rounded) <= 1  # the bias that starts at the mean image, a rounded sum
    assert all(torch.allclose(t, there[n].cpu(), rtol=1e-5, atol=1e-6) for n, t in here.items())
    assert torch.equal(loops[0].order(1), loops[1].order(1).cpu())


def test_training_does_not_depend_on_numbers_drawn_before(device):
    data, fits = digits(device), []
    for n in (1, 1001):
        torch.rand(n, device=device)
        fits.append(trained(data, built(data, "gan", dropout=0.3)))
    one, other = (fit.last for fit in fits)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_numbers_can_be_drawn_after_training(device):
    """Also after a recording, whose generator torch shares with the rest of the process."""
    data = digits(device)
    trained(data, built(data, "gan"))
    torch.manual_seed(0)
    drawn = torch.rand(3, device=device)
    torch.manual_seed(0)
    assert torch.equal(torch.rand(3, device=device), drawn)


def test_loaded_data_are_on_the_device(device):
    data = loading.load_data("digits", "dynamic", limit=10, device=device.type)
    assert {data.test.x.device.type, data.train.y.device.type} == {device.type}
    x, y = data.train_batch(torch.arange(5, device=device))
    assert {x.device.type, y.device.type} == {device.type}
