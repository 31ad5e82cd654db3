"""The device that a user names: which one it is, whether it works, and what it lacks."""

import os
import platform
import re
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path

import torch
from torch import nn

from genbench.core.errors import ConfigError, did_you_mean, first_line, quoted
from genbench.core.progress import warn
from genbench.core.texts import noun

KNOWN = ("auto", "cpu", "cuda", "cuda:N", "mps")
INSTEAD = "use --device cpu, or see `python -m genbench doctor`"
NARROW = {"mps"}
"""Types of devices without float64."""


def pick_device(name: str | torch.device) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` is a CUDA GPU that works, else the processor; never ``mps``, which has no float64.

    Raises:
        ConfigError: The device is unknown, is not there, or does not work.
    """
    match str(name):
        case "auto":
            return _automatic()
        case "cpu":
            return torch.device("cpu")
        case "mps":
            _require("mps", why_no_mps())
            return torch.device("mps")
        case text if numbered := re.fullmatch(r"cuda(?::([0-9]{1,9}))?", text):
            return _gpu(text, numbered[1])
        case text:
            nearest = did_you_mean(text.lower().replace("gpu", "cuda"), KNOWN)
            raise ConfigError(f"device: unknown device {quoted(text)}; {nearest}")


def use_device(name: str | torch.device) -> torch.device:
    """Return the device for a name, and make it the current GPU of this process.

    Streams, events, CUDA graphs and torch's random numbers are those of the current GPU.

    Raises:
        ConfigError: As :func:`pick_device`.
    """
    device = pick_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def on_device(device: torch.device) -> AbstractContextManager[object]:
    """Run a block with ``device`` as the current GPU, if it is one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def evaluation_device(device: torch.device) -> torch.device:
    """Return where what was trained on ``device`` is evaluated: the processor if it is narrow.

    Numbers are accumulated in float64, which ``mps`` does not have.
    """
    return torch.device("cpu") if device.type in NARROW else device


def narrow_remark(device: torch.device) -> str:
    """Say so if a device only trains; otherwise return nothing."""
    if device.type not in NARROW:
        return ""
    return f"trained on {device.type}, which has no float64, and evaluated on the processor."


def require_wide(device: torch.device, what: str) -> None:
    """Refuse to evaluate on a device without float64.

    Raises:
        ConfigError: It has none; says what to do.
    """
    if device.type in NARROW:
        raise ConfigError(
            f"{what} is on {device.type}, which has no float64, in which numbers are computed:"
            " pass model.to('cpu')"
        )


def require_dtypes(model: nn.Module, device: torch.device, what: str) -> None:
    """Refuse to move a model to a device that lacks the type of its numbers.

    Raises:
        ConfigError: It has numbers in float64, and the device has none.
    """
    exact = any(tensor.dtype == torch.float64 for tensor in model.state_dict().values())
    if exact and device.type in NARROW:
        raise ConfigError(f"device: {what} has numbers in float64, which {device.type} lacks")


def widest(device: torch.device) -> torch.dtype:
    """Return the widest floating dtype of a device: float64 where it has it."""
    return torch.float32 if device.type in NARROW else torch.float64


def free_gpu_bytes(device: torch.device) -> int | None:
    """Return how much of a GPU's own memory this process can still get; None if it has none."""
    if device.type != "cuda":
        return None
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + cached


def processor(field: str) -> str:
    """Return what Linux states of the processor, such as its ``vendor_id``; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(field))
    return next(found, "")


def device_name(device: torch.device) -> str:
    """Name the hardware for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"MPS, {platform.machine()}"
    n = torch.get_num_threads()
    return f"CPU, {n} {noun(n, 'thread')}"


def why_no_gpu() -> str:
    """Return in a few words why torch finds no CUDA GPU, or nothing if it finds one."""
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return "this build of torch has no CUDA"
    problem = _problem_of(torch.cuda.init)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if "No CUDA GPUs" in problem and hidden is not None:
        return f"CUDA_VISIBLE_DEVICES is '{hidden}' and leaves none"
    return problem


def why_unusable(device: torch.device) -> str:
    """Return in a few words why a GPU that torch finds does not work, or nothing if it does."""
    return _problem_of(lambda: torch.zeros(1, device=device).add_(1).tolist())


def why_no_mps() -> str:
    """Return in a few words why torch cannot use ``mps``, or nothing if it can."""
    if not torch.backends.mps.is_built():
        return "this build of torch has no MPS"
    return "" if torch.backends.mps.is_available() else "torch finds no GPU that Metal can use"


def _automatic() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    try:
        return _gpu("cuda", None)
    except ConfigError as error:
        _warn_once(f"{error}\nthe processor is used")
        return torch.device("cpu")


@cache
def _warn_once(line: str) -> None:
    warn(line)


def _gpu(name: str, number: str | None) -> torch.device:
    _require(name, why_no_gpu())
    index, n = int(number or torch.cuda.current_device()), torch.cuda.device_count()
    if index >= n:
        seen = "one GPU, cuda:0" if n == 1 else f"{n} GPUs, cuda:0 to cuda:{n - 1}"
        raise ConfigError(f"device: '{name}' was requested, but torch finds {seen}")
    device = torch.device("cuda", index)
    _require(name, why_unusable(device))
    return device


def _require(name: str, problem: str) -> None:
    if problem:
        raise ConfigError(f"device: '{name}' cannot be used here: {problem}; {INSTEAD}")


def _problem_of(call: Callable[[], object]) -> str:
    """Return the first sentence of torch's error in a call, or nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says the same in more words
            call()
    except (RuntimeError, AssertionError) as error:
        return first_line(error).partition(". ")[0].rstrip(".")
    return ""
