"""Settings of the machine and of torch while runs are executed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

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


@contextmanager
def torch_as_started() -> Iterator[None]:
    """Run a block with gradients, default dtype and device as a new process has them.

    Whoever calls may have changed them, as by ``torch.no_grad()`` or ``torch.autocast``; the
    numbers of a run do not depend on it.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as settings, torch.inference_mode(False), torch.enable_grad():
            if torch.get_default_device().type != "cpu":
                settings.enter_context(torch.device("cpu"))
            for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
                settings.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        torch.set_default_dtype(dtype)
