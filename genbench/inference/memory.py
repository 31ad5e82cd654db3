"""How many draws are decoded at once, and what to do when they do not fit. Imports torch only."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

CACHE_BYTES = 6 * 2**20
"""Size of a chunk's data on a processor, as measured: less waits for calls, more for memory."""

DEVICE_BYTES = 128 * 2**20
"""Size of a chunk's data on an accelerator, which wants large pieces."""

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""What torch's allocators say when they fail without an error class of their own."""


def automatic_chunk(x: Tensor) -> int:
    """Return how many draws per datum are decoded at once for data (B, ...).

    The decoder's output (chunk, B, ...) is then about as large as the cache, so that the passes
    over it do not wait for memory.
    """
    budget = CACHE_BYTES if x.device.type == "cpu" else DEVICE_BYTES
    item = max(x.element_size(), 4)
    return max(1, round(budget / max(1, x.numel() * item)))


def keep_freed_memory() -> None:
    """Let the C allocator keep what tensors free, instead of returning it to the system.

    glibc takes memory above a threshold anew from the system for each tensor, a page fault per
    4 KiB, until it has seen a block of that size freed: it sees one here, which is never touched
    and costs microseconds. Elsewhere this does nothing.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is an allocator's."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in OUT_OF_MEMORY)


def in_pieces(
    function: Callable[[Tensor], Tensor], chunks: Iterator[Tensor], size: int
) -> Iterator[Tensor]:
    """Apply ``function`` to chunks (k, ...) in order; in halves of halves where memory runs out.

    A piece that did not fit is repeated at half its size with the same rows, and later ones stay
    at that size. Rows are neither lost nor repeated.

    Raises:
        RuntimeError: A single row does not fit: the allocator's own error.
    """
    for chunk in chunks:
        rest = chunk
        while len(rest):
            result = _attempt(function, rest[:size])
            if result is None:
                size = min(size, len(rest)) // 2
                continue
            rest = rest[size:]
            yield result


def _attempt(function: Callable[[Tensor], Tensor], piece: Tensor) -> Tensor | None:
    """Return the result, or None where memory ran out and the piece can be halved."""
    try:
        return function(piece)
    except (RuntimeError, MemoryError) as error:
        if len(piece) == 1 or not is_out_of_memory(error):
            raise
    if piece.is_cuda:
        torch.cuda.empty_cache()
    return None
