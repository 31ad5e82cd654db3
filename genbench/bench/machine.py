"""The fingerprint of a machine (only equal ones have comparable speeds) and its peak values."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genbench.bench.timing import synchronise
from genbench.runs.provenance import versions
from genbench.version import __version__

PEAK_SIZES = {"cpu": 1024, "cuda": 8192}
"""Size of the square matrices whose product gives the machine's peak rate."""

PEAK_SECONDS = 0.25


def fingerprint(device: torch.device) -> dict[str, Any]:
    """Describe everything that determines speed, except genbench's code.

    The rows contain it with its digest, which leaves out ``genbench`` so that versions of the code
    can be compared.
    """
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "driver": _driver() if device.type == "cuda" else None,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),  # type: ignore[no-untyped-call]
        "onednn": torch.backends.mkldnn.is_available(),  # type: ignore[no-untyped-call]
        "matmul_precision": torch.get_float32_matmul_precision(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": versions()["numpy"],
        "genbench": __version__,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _driver() -> str | None:
    tool = shutil.which("nvidia-smi")
    if not tool:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    return answer.stdout.split("\n")[0].strip() or None


def peak_flops(device: torch.device) -> float:
    """Measure the machine's peak rate of float32 matrix products, in operations per second."""
    size = PEAK_SIZES[device.type]
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    out, best = torch.empty_like(a), float("inf")
    stop = time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < stop or best == float("inf"):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


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
