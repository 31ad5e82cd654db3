"""Adam on a GPU, for models too small to occupy it."""

import torch
from torch import Tensor

from genbench.training.fused_adam import FusedAdam

FUSED_BLOCK = 65_536
"""Numbers that one multiprocessor takes in torch's fused kernel, from one tensor."""

FUSED_TENSORS = 36
"""Tensors that one launch of the fused kernel takes."""


class DividedAdam(FusedAdam):
    """Torch's fused Adam, with large parameters handed over in pieces.

    The kernel gives each multiprocessor 65,536 numbers. The ten blocks of a 784-400-20 VAE occupy
    ten of an H100's 132 multiprocessors, for 71 microseconds of a step that takes 300. Pieces that
    just fill one launch divide the same arithmetic among three times as many.
    """

    def divided(self, *columns: list[Tensor]) -> tuple[tuple[list[Tensor], ...], list[int]]:
        """Return the columns in pieces, and the number of pieces of each tensor."""
        size = piece_size([parameter.numel() for parameter in columns[0]])
        counts = [-(-parameter.numel() // size) for parameter in columns[0]]
        return tuple(_pieces(column, size) for column in columns), counts


def piece_size(sizes: list[int]) -> int:
    """Return the size of pieces that just fill one launch, at most a whole block of the kernel.

    It is a multiple of 64 numbers, so that every piece but the last is read in whole vectors.

    Example:
        >>> piece_size([100_000, 100_000, 10])
        6080
    """
    free = FUSED_TENSORS - len(sizes)
    even = -(-sum(sizes) // free) if free > 0 else FUSED_BLOCK
    return min(FUSED_BLOCK, -(-even // 64) * 64)


def _pieces(tensors: list[Tensor], size: int) -> list[Tensor]:
    """Return every tensor in pieces, in the order of its memory."""
    flat = (tensor.as_strided((tensor.numel(),), (1,)) for tensor in tensors)
    return [piece for tensor in flat for piece in torch.split(tensor, size)]
