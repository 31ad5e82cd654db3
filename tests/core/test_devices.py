"""Which device a name means, and one sentence for each reason why it cannot be used.

No GPU is needed: torch's answers about its devices are replaced.
"""

import pytest
import torch

from genbench.core import devices
from genbench.core.devices import (
    evaluation_device,
    free_gpu_bytes,
    narrow_remark,
    on_device,
    pick_device,
    require_dtypes,
    require_wide,
    use_device,
    widest,
)
from genbench.core.errors import ConfigError

CPU = torch.device("cpu")
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device\nSearch for it"
OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your driver."
)


@pytest.fixture
def gpus(monkeypatch):
    """Give this machine two GPUs that work; return what became the current one."""
    current = [0]
    for name, answer in {
        "is_available": lambda: True,
        "init": lambda: None,
        "device_count": lambda: 2,
        "current_device": lambda: current[-1],
        "set_device": lambda device: current.append(torch.device(device).index),
    }.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: torch.ones(1))
    return current


@pytest.fixture
def no_gpu(monkeypatch):
    """Take every GPU away; return how to choose torch's reason."""

    def because(message):
        def init():
            raise RuntimeError(message)

        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "init", init)

    because("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU")
    return because


def refusal(name):
    with pytest.raises(ConfigError) as error:
        pick_device(name)
    text = str(error.value)
    assert text.startswith("device: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "device"),
    [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1")],
)
def test_a_name_is_a_device_with_its_number(gpus, name, device):
    assert pick_device(name) == pick_device(torch.device(name)) == torch.device(device)


def test_auto_is_a_gpu_that_works(gpus):
    assert pick_device("auto") == torch.device("cuda:0")


@pytest.mark.usefixtures("no_gpu")
def test_auto_without_a_gpu_is_the_processor_and_never_mps(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == CPU
    assert pick_device("mps") == torch.device("mps")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("cudda", "cuda"),
        ("CUDA", "cuda"),
        ("gpu", "cuda"),
        ("cuda:x", "cuda:N"),
        ("cuda:-1", "cuda:N"),
        ("cpu:0", "cpu"),
        ("mp", "mps"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(name, nearest):
    known = "known: auto, cpu, cuda, cuda:N, mps"
    assert refusal(name) == (f"device: unknown device '{name}'; did you mean '{nearest}'? {known}")


def test_a_gpu_beyond_the_last_one_is_refused(gpus, monkeypatch):
    assert "'cuda:3' was requested, but torch finds 2 GPUs, cuda:0 to cuda:1" in refusal("cuda:3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert "'cuda:1' was requested, but torch finds one GPU, cuda:0" in refusal("cuda:1")


def test_where_torch_finds_no_gpu_its_reason_is_told(no_gpu, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert refusal("cuda") == (
        "device: 'cuda' cannot be used here: Found no NVIDIA driver on your system;"
        " use --device cpu, or see `python -m genbench doctor`"
    )
    no_gpu(OLD_DRIVER)
    assert "driver on your system is too old (found version 11040); use" in refusal("cuda:1")
    no_gpu("No CUDA GPUs are available")
    assert "No CUDA GPUs are available" in refusal("cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES is '' and leaves none" in refusal("cuda")
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    assert "this build of torch has no CUDA" in refusal("cuda")


def test_without_metal_mps_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    assert "'mps' cannot be used here: this build of torch has no MPS" in refusal("mps")
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    assert "torch finds no GPU that Metal can use" in refusal("mps")


def test_a_gpu_that_no_kernel_fits_is_refused_and_auto_does_without_it(gpus, monkeypatch, capsys):
    def zeros(*_, **__):
        raise RuntimeError(NO_KERNEL)

    devices._warn_once.cache_clear()
    monkeypatch.setattr(torch, "zeros", zeros)
    problem = "no kernel image is available for execution on the device; use --device cpu"
    assert problem in refusal("cuda")
    assert pick_device("auto") == pick_device("auto") == CPU
    assert capsys.readouterr().err.count(problem) == 1


def test_the_device_in_use_is_the_current_gpu(gpus):
    assert pick_device("cuda:1").index == 1
    assert gpus == [0]
    assert use_device("cuda:1").index == 1
    assert gpus == [0, 1]
    assert pick_device("cuda").index == 1


def test_on_a_device_other_than_a_gpu_nothing_changes():
    with on_device(CPU), on_device(torch.device("mps")):
        assert not torch.cuda.is_initialized()


@pytest.mark.parametrize(
    ("device", "evaluated_on", "dtype"),
    [("cpu", "cpu", "float64"), ("cuda:1", "cuda:1", "float64"), ("mps", "cpu", "float32")],
)
def test_what_has_no_float64_is_evaluated_on_the_processor(device, evaluated_on, dtype):
    assert evaluation_device(torch.device(device)) == torch.device(evaluated_on)
    assert widest(torch.device(device)) == getattr(torch, dtype)


def test_free_gpu_memory_counts_what_torch_keeps_for_this_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 30)
    assert free_gpu_bytes(torch.device("cuda:0")) == 140
    assert free_gpu_bytes(CPU) is None
    assert free_gpu_bytes(torch.device("mps")) is None


def test_a_device_without_float64_only_trains_and_says_so():
    assert "evaluated on the processor" in narrow_remark(torch.device("mps"))
    assert narrow_remark(CPU) == narrow_remark(torch.device("cuda:1")) == ""


def test_what_needs_float64_is_refused_where_there_is_none():
    mps, exact = torch.device("mps"), torch.nn.Linear(1, 1).double()
    with pytest.raises(ConfigError, match=r"^device: model 'a' has numbers in float64, which mps"):
        require_dtypes(exact, mps, "model 'a'")
    require_dtypes(exact.float(), mps, "model 'a'")
    require_dtypes(exact.double(), CPU, "model 'a'")
    with pytest.raises(ConfigError, match=r"model is on mps, .* pass model.to\('cpu'\)$"):
        require_wide(mps, "model")
    require_wide(CPU, "model")
