"""Machine settings during training: threads and denormal numbers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Run a block with ``n`` threads of torch; sums of several threads differ in their last bits.

    Threads wait for each other at each product. If another process holds a core, two are several
    times slower than one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_of_run(device: torch.device, n: int = 1) -> AbstractContextManager[None]:
    """Run a block with the threads of a run: ``n`` on the processor, beside an accelerator all."""
    return threads(n) if device.type == "cpu" else nullcontext()


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
