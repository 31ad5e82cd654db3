"""The fingerprint of a machine: only equal ones have comparable speeds. Its clocks and memory."""

import gc
import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from genbench.bench.timing import synchronise
from genbench.core.devices import processor
from genbench.core.driver import ask_driver, driver_version
from genbench.runs.provenance import versions
from genbench.training.precision import products_in
from genbench.version import __version__

CLOCKS = {
    "clocks.sm": "sm_mhz",
    "clocks.mem": "memory_mhz",
    "temperature.gpu": "celsius",
    "power.draw": "watts",
}
"""What ``nvidia-smi`` is asked for while a GPU is at work, and what it is called here."""


def fingerprint(device: torch.device) -> dict[str, Any]:
    """Describe everything that determines speed, except genbench's code.

    The rows contain it with its digest, which leaves out ``genbench`` so that versions of the code
    can be compared.
    """
    return {
        "device": _name(device),
        "driver": None,
        "cuda": None,
        "processor": processor("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),  # type: ignore[no-untyped-call]
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
        "matmul_precision": _matmul_precision(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": versions()["numpy"],
        "genbench": __version__,
        **(_gpu(device) if device.type == "cuda" else {}),
    }


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _matmul_precision() -> str:
    """Return torch's word for the precision in which everything here is timed."""
    with products_in("float32"):
        return torch.get_float32_matmul_precision()


def _gpu(device: torch.device) -> dict[str, Any]:
    """Describe a CUDA device and the libraries that compute on it."""
    own = torch.cuda.get_device_properties(device)
    return {
        "driver": driver_version(_uuid(device)),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "compute_capability": f"{own.major}.{own.minor}",
        "multiprocessors": own.multi_processor_count,
        "device_memory_bytes": own.total_memory,
    }


def clocks(call: Callable[[], object], device: torch.device) -> dict[str, float] | None:
    """Read a GPU's clocks, temperature and power while ``call`` is repeated.

    None without a CUDA device or ``nvidia-smi``. What the driver does not tell is left out.
    """
    if device.type != "cuda":
        return None
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(ask_driver, list(CLOCKS), _uuid(device))
        while not answer.done():
            call()
            synchronise(device)
    return read_clocks(answer.result())


def read_clocks(values: Sequence[str]) -> dict[str, float] | None:
    """Return the numbers among the driver's answers.

    Example:
        >>> read_clocks(["1980", "2619", "41", "[N/A]"])
        {'sm_mhz': 1980.0, 'memory_mhz': 2619.0, 'celsius': 41.0}
    """
    found = {}
    for name, value in zip(CLOCKS.values(), values, strict=False):
        with suppress(ValueError):
            found[name] = float(value)
    return found or None


def _uuid(device: torch.device) -> str:
    return str(torch.cuda.get_device_properties(device).uuid)


def peak_memory(call: Callable[[], object], device: torch.device) -> int | None:
    """Return the peak memory use during a call in bytes, or None if unknown.

    On a GPU, the memory allocated by torch; on a CPU, the resident size of the whole process,
    including libraries, if the system reports it (Linux).
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        call()
        synchronise(device)
        return int(torch.cuda.max_memory_allocated(device))
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return None
    call()
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peaks = [int(line.split()[1]) for line in status if line.startswith("VmHWM:")]
    return peaks[0] * 1024 if peaks else None


def release(device: torch.device) -> None:
    """Free what a row left on a device: its graphs keep their memory until they are collected."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
