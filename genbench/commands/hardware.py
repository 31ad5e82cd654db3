"""What the processor and the GPUs of this machine can do, and what they lack, for ``doctor``."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from genbench.core.driver import driver_version
from genbench.core.errors import first_line
from genbench.core.memory import sized

ON_PROCESSOR = "runs use the processor"


class Diagnosis(NamedTuple):
    """The state of one thing, and what to do about it."""

    what: str
    state: str
    advice: str = ""
    healthy: bool = True


def hardware() -> list[Diagnosis]:
    """Describe the processor and each GPU; a GPU that torch cannot use says why."""
    torch = import_module("torch")
    return [_processor(torch), *_gpus(torch), *_mps(torch)]


def _processor(torch: Any) -> Diagnosis:
    from genbench.training.precision import has_bfloat16

    cores = f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()}"
    lacks = "" if has_bfloat16(torch.device("cpu")) else " (no bfloat16 instructions)"
    return Diagnosis("processor", f"{cores}{lacks}")


def _gpus(torch: Any) -> Iterator[Diagnosis]:
    from genbench.core.devices import why_no_gpu

    driver, reason = driver_version(), why_no_gpu()
    if reason:
        advice = f"driver {driver} is there: a build of torch that fits it can use the GPU"
        yield Diagnosis("gpu", f"none usable: {reason}", advice if driver else ON_PROCESSOR)
        return
    built_for = torch.version.cuda or f"ROCm {torch.version.hip}"
    yield Diagnosis("cuda", f"{built_for}, driver {driver or 'unknown'}")
    for index in range(torch.cuda.device_count()):
        device = torch.device("cuda", index)
        try:
            yield _gpu(torch, device)
        except RuntimeError as error:
            yield Diagnosis(f"gpu {device}", first_line(error), ON_PROCESSOR, healthy=False)


def _gpu(torch: Any, device: Any) -> Diagnosis:
    from genbench.core.devices import why_unusable

    what = f"gpu {device}"
    if problem := why_unusable(device):
        kernels = ", ".join(torch.cuda.get_arch_list())
        advice = f"torch has kernels for {kernels}: install a build that fits, or use --device cpu"
        return Diagnosis(what, f"{_capability(torch, device)}: {problem}", advice, healthy=False)
    free, total = torch.cuda.mem_get_info(device)
    state = f"{_capability(torch, device)}, {sized(free)} of {sized(total)} free"
    return Diagnosis(what, state, "other processes use it" if free < total / 2 else "")


def _capability(torch: Any, device: Any) -> str:
    from genbench.training.precision import has_bfloat16

    own = torch.cuda.get_device_properties(device)
    lacks = "" if has_bfloat16(device) else " (no TF32, no bfloat16)"
    return f"{own.name}, compute capability {own.major}.{own.minor}{lacks}"


def _mps(torch: Any) -> Iterator[Diagnosis]:
    if torch.backends.mps.is_available():
        yield Diagnosis(
            "gpu mps", "usable", "--device mps trains on it and evaluates on the processor"
        )
