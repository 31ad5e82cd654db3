"""How many draws to decode at once, and what to do when they do not fit in memory."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

CACHE_BYTES = 6 * 2**20
"""Size of a chunk's data on a CPU (measured): call overhead dominates below, memory above."""

DEVICE_BYTES = 128 * 2**20
"""Size of a chunk's data on an accelerator, which needs large pieces."""

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""Messages of torch's allocators that have no error class of their own."""


def automatic_chunk(x: Tensor) -> int:
    """Return how many draws per datum are decoded at once for data (B, ...).

    The decoder's output (chunk, B, ...) is then about as large as the cache, so passes over it do
    not wait for memory.
    """
    budget = CACHE_BYTES if x.device.type == "cpu" else DEVICE_BYTES
    return max(1, round(budget / max(1, x.numel() * max(x.element_size(), 4))))


def keep_freed_memory() -> None:
    """Let the C allocator keep what tensors free, instead of returning it to the system.

    For each tensor above a threshold, glibc requests new memory from the system, with a page fault
    per 4 KiB, until a block of that size has been freed. One is freed here; it is never touched and
    costs microseconds. With other allocators this does nothing.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def in_pieces(
    function: Callable[[Tensor], Tensor], chunks: Iterator[Tensor], size: int
) -> Iterator[Tensor]:
    """Apply ``function`` to chunks (k, ...) in order; halve them where memory runs out.

    A piece that does not fit is split in half, and later pieces keep the smaller size. No row is
    lost or repeated.

    Raises:
        RuntimeError: A single row does not fit: the allocator's own error.
    """
    for rest in chunks:
        while len(rest):
            result = _attempt(function, rest[:size])
            if result is None:
                size = min(size, len(rest)) // 2
                continue
            rest = rest[size:]
            yield result


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an allocator, of whatever kind, had no memory left."""
    of_allocators = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return of_allocators or any(text in str(error) for text in OUT_OF_MEMORY)


def _attempt(function: Callable[[Tensor], Tensor], piece: Tensor) -> Tensor | None:
    """Return the result, or None if memory ran out and the piece can be halved."""
    try:
        return function(piece)
    except (RuntimeError, MemoryError) as error:
        if len(piece) == 1 or not is_out_of_memory(error):
            raise
    if piece.is_cuda:
        torch.cuda.empty_cache()
    return None
