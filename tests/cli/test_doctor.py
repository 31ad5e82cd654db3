"""What ``doctor`` says of GPUs: torch's answers about them are replaced, so none is needed."""

import sys
from types import SimpleNamespace

import pytest
import torch

from genbench.commands import hardware
from genbench.core import devices
from genbench.training import precision

GPUS = (
    SimpleNamespace(name="NVIDIA H100 80GB HBM3", major=9, minor=0),
    SimpleNamespace(name="Quadro RTX 8000", major=7, minor=5),
    SimpleNamespace(name="GeForce GTX 960", major=5, minor=2),
)
CAPABILITIES = tuple((gpu.major, gpu.minor) for gpu in GPUS)
FREE = (84_000_000_000, 10_000_000_000, 4_000_000_000)
TOTAL = (85_000_000_000, 48_000_000_000, 4_000_000_000)


@pytest.fixture
def driver(monkeypatch):
    monkeypatch.setattr(hardware, "driver_version", lambda: "580.159.04")


@pytest.fixture
def gpus(monkeypatch, driver):
    """A modern GPU, an older one that others use, and one that no kernel fits."""
    no_kernel = "CUDA error: no kernel image is available for execution on the device"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(devices, "why_no_gpu", lambda: "")
    monkeypatch.setattr(devices, "why_unusable", lambda d: no_kernel if d.index == 2 else "")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: GPUS[d.index])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: CAPABILITIES[d.index])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda d: (FREE[d.index], TOTAL[d.index]))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"])


@pytest.mark.usefixtures("gpus")
def test_each_gpu_has_a_line_with_what_it_lacks():
    found = {line.what: line for line in hardware.hardware()}
    assert found["cuda"].state == "13.0, driver 580.159.04"
    good, crowded, old = (found[f"gpu cuda:{i}"] for i in range(3))
    assert good == (
        "gpu cuda:0",
        "NVIDIA H100 80GB HBM3, compute capability 9.0, 84 GB of 85 GB free",
        "",
        True,
    )
    assert crowded[1:] == (
        "Quadro RTX 8000, compute capability 7.5 (no TF32, no bfloat16), 10 GB of 48 GB free",
        "other processes use it",
        True,
    )
    assert "compute capability 5.2" in old.state
    assert "no kernel image is available" in old.state
    assert "torch has kernels for sm_75, sm_90" in old.advice
    assert not old.healthy


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_no_kernel_fits_must_be_seen_to(command, place):
    found = command("doctor", "--data-dir", "empty")
    assert found.code == 2
    assert "cuda:2" in found.out


def test_without_a_gpu_torch_says_why(monkeypatch):
    reason = "Found no NVIDIA driver on your system"
    monkeypatch.setattr(devices, "why_no_gpu", lambda: reason)
    monkeypatch.setattr(hardware, "driver_version", lambda: None)
    lines = [line for line in hardware.hardware() if line.what == "gpu"]
    assert lines == [("gpu", f"none usable: {reason}", "runs use the processor", True)]


@pytest.mark.usefixtures("driver")
def test_a_driver_without_a_torch_that_fits_is_told(monkeypatch):
    monkeypatch.setattr(devices, "why_no_gpu", lambda: "this build of torch has no CUDA")
    (line,) = [line for line in hardware.hardware() if line.what == "gpu"]
    assert line.advice.startswith("driver 580.159.04 is there: a build of torch that fits")


@pytest.mark.parametrize("native", [True, False])
def test_a_processor_without_bfloat16_instructions_says_so(monkeypatch, native):
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: native)
    state = hardware.hardware()[0].state
    assert state.endswith(" (no bfloat16 instructions)") is not native


def test_a_mac_has_mps(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    (line,) = [line for line in hardware.hardware() if line.what == "gpu mps"]
    assert line.advice == "--device mps trains on it and evaluates on the processor"


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_answers_with_an_error_stops_nothing(monkeypatch):
    def refuse(_):
        raise RuntimeError("CUDA error: unknown error\nmore")

    monkeypatch.setattr(torch.cuda, "mem_get_info", refuse)
    found = {line.what: line for line in hardware.hardware()}
    assert found["gpu cuda:0"].state == "CUDA error: unknown error"
    assert not found["gpu cuda:0"].healthy


def test_a_torch_that_cannot_be_imported_stops_nothing(command, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    found = command("doctor")
    assert found.code == 2
    assert "reinstall torch" in found.out
    assert "results folder" in found.out
