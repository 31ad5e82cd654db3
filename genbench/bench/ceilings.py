"""What a device can do at best: matrix products and copies, measured once for all rows."""

import time
from collections.abc import Callable

import torch

from genbench.bench.timing import synchronise
from genbench.training.precision import products_in

PEAK_SIZES = {"cpu": 1024, "cuda": 8192}
"""Size of the square matrices whose product gives a device's peak rate."""

ACCELERATOR_SIZE = 4096
"""The same for other devices."""

PEAK_SECONDS = 0.25
COPY_BYTES = 2**30
"""Size of the tensor that is copied: far larger than any cache."""


def ceilings(device: torch.device) -> dict[str, float | None]:
    """Return the peak rates of a device.

    ``peak_flops_per_s`` is of float32 products, as training uses them. A CUDA device also has the
    rates of products in TF32 and bfloat16, and of copies within its memory, in bytes read plus
    bytes written per second; they are None elsewhere.
    """
    rates: dict[str, float | None] = {"peak_flops_per_s": peak_flops(device)}
    cuda = device.type == "cuda"
    rates["peak_tf32_flops_per_s"] = peak_flops(device, tf32=True) if cuda else None
    rates["peak_bf16_flops_per_s"] = peak_flops(device, torch.bfloat16) if cuda else None
    rates["copy_bytes_per_s"] = copy_rate(device) if cuda else None
    return rates


def peak_flops(
    device: torch.device, dtype: torch.dtype = torch.float32, *, tf32: bool = False
) -> float:
    """Measure the peak rate of matrix products, in operations per second."""
    size = PEAK_SIZES.get(device.type, ACCELERATOR_SIZE)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    with products_in("tf32" if tf32 else "float32"):
        return 2 * size**3 / _least_seconds(lambda: torch.mm(a, b), device)


def copy_rate(device: torch.device, n_bytes: int = COPY_BYTES) -> float:
    """Measure the rate of copies within the device's memory, in bytes per second."""
    source = torch.randint(256, (n_bytes,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * n_bytes / _least_seconds(lambda: target.copy_(source), device)


def _least_seconds(call: Callable[[], object], device: torch.device) -> float:
    """Return the shortest time of a call within ``PEAK_SECONDS``; the first call is not timed."""
    call()
    synchronise(device)
    best, stop = float("inf"), time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < stop or best == float("inf"):
        start = time.perf_counter()
        call()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best
