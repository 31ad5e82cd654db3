"""How the machine is set for training: threads, precision, and what becomes of tiny numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.training.update import Update

SMALL_STEP_FLOPS = 1e8
"""Forward operations of one step below which one thread is at least as fast as two.

Measured on two cores: a 784-400-400-32 VAE at batch 128 has 2.6e8 and gains from the second core;
a 64-128-128-8 one at batch 64 has 8e6, loses a little when the machine is quiet, and becomes six
times slower when another process holds a core, because threads wait for each other at each product.
"""


def forward_flops(model: nn.Module, updates: Sequence[Update], batch: Batch) -> int:
    """Count the operations of every update's objective on one batch."""
    counter = FlopCounterMode(display=False)
    with Stream(0).seeded(), torch.no_grad(), counter:
        for update in updates:
            update.objective(model, batch)
    return int(counter.get_total_flops())


@contextmanager
def fitting_threads(flops: float) -> Iterator[None]:
    """Run a block with one thread if a step is small, else with those torch has."""
    before = torch.get_num_threads()
    if flops < SMALL_STEP_FLOPS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Run a block in which numbers below 1e-38 are zero, as on a GPU, then keep them again.

    Moments of weights that never move fade into that range, where a processor takes many times as
    long for each operation: a fifth of the time of a trained 784-200-200-50 VAE at batch 20.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def float32_products(*, tf32: bool = False) -> Iterator[None]:
    """Run a block whose float32 products on a GPU are float32, or TF32 where that is allowed.

    torch lets convolutions, though not matrix products, use TF32 unless it is told otherwise.
    """
    places = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    before = [place.fp32_precision for place in places]
    for place in places:
        place.fp32_precision = "tf32" if tf32 else "ieee"
    try:
        yield
    finally:
        for place, precision in zip(places, before, strict=True):
            place.fp32_precision = precision
