"""Machine settings during training: threads and denormal numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.training.update import Update

SMALL_STEP_FLOPS = 1e8
"""Below this many forward operations per step, one thread is at least as fast as two.

Measured on two cores: a 784-400-400-32 VAE at batch 128 has 2.6e8 and gains from the second core.
A 64-128-128-8 VAE at batch 64 has 8e6: two threads are slightly slower on an idle machine, and six
times slower if another process holds a core, because threads wait for each other at each product.
"""


def forward_flops(model: nn.Module, updates: Sequence[Update], batch: Batch) -> int:
    """Count the floating-point operations of every update's objective on one batch."""
    from torch.utils.flop_counter import FlopCounterMode  # loads a compiler

    counter = FlopCounterMode(display=False)
    with Stream(0).seeded(), torch.no_grad(), counter:
        for update in updates:
            update.objective(model, batch)
    return int(counter.get_total_flops())


@contextmanager
def fitting_threads(flops: float) -> Iterator[None]:
    """Run a block with one thread if a step is small, else with all of torch's threads."""
    before = torch.get_num_threads()
    if flops < SMALL_STEP_FLOPS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Run a block in which numbers below 1e-38 are flushed to zero, as on a GPU.

    Adam's moments of weights without gradients decay into that range, where CPU operations are many
    times slower: a fifth of the training time of a 784-200-200-50 VAE at batch 20.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
