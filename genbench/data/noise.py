"""Turns levels into values (grey, binarised, dequantised), with fixed noise for each datum.

The functions are elementwise and never synchronise.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genbench.core.seeding import generator
from genbench.data.protocol import DataConfig

BLOCK = 1_000  # data per stream of fixed noise
_CELLS = 2**15  # 8 bits of level, 15 of noise and half a cell fit float32 exactly


def present(levels: Tensor, n_levels: int, config: DataConfig, noise: Tensor | None) -> Tensor:
    """Return the float32 values that models see.

    Args:
        levels: (B, C, H, W) uint8, 0 to ``n_levels - 1``.
        n_levels: Number of values that a pixel can take.
        config: The view.
        noise: (B, C, H, W) uniform on [0, 1); used if ``config.is_noisy``.

    Returns:
        (B, C, H, W) float32 in {0, 1} or [0, 1].
    """
    if not config.is_noisy:
        grey = levels / (n_levels - 1)
        return (grey >= 0.5).to(torch.float32) if config.is_binary else grey
    if noise is None:
        raise ValueError("this view needs noise")
    if config.dequantisation == "uniform":
        return dequantise(levels, n_levels, noise)
    return (noise < levels / (n_levels - 1)).to(torch.float32)


def dequantise(levels: Tensor, n_levels: int, noise: Tensor) -> Tensor:
    """Spread each level over its cell: (level + u) / n_levels, strictly inside (0, 1).

    u is ``noise`` rounded to the middle of one of 2**15 cells. The sum is then exact in float32, so
    a value never reaches the next level or 1, and floor(x * n_levels) recovers the level.

    Example:
        >>> dequantise(torch.tensor([255]), 256, torch.tensor([1 - 2.0**-24])) < 1
        tensor([True])
    """
    u = (noise * _CELLS).floor_().add_(0.5).div_(_CELLS)
    return u.add_(levels).div_(n_levels)


def requantise(x: Tensor, n_levels: int) -> Tensor:
    """Return the intensity of the level in whose cell each value lies, in [0, 1].

    It takes the noise of :func:`dequantise` out, and leaves intensities of levels as they are.
    Means of dequantised images go to the nearest level.

    Args:
        x: Values in [0, 1] of any shape.
        n_levels: Number of values that a pixel can take, at most 256.

    Example:
        >>> requantise(torch.tensor([0.0, 0.3, 0.4, 1.0]), 3)
        tensor([0.0000, 0.0000, 0.5000, 1.0000])
    """
    levels = (x * n_levels).floor_().clamp_(0, n_levels - 1)
    return levels.div_(n_levels - 1)  # in place: ten thousand images are large


def fixed_noise(
    seed: int, purpose: str, split: str, n: int, shape: Sequence[int]
) -> Iterator[Tensor]:
    """Yield uniform noise for ``n`` data in blocks of up to 1,000, on the CPU.

    Each block has its own stream and is drawn whole, so the noise of a datum depends only on its
    position in the split.

    Returns:
        Blocks (up to 1000, C, H, W), float32 in [0, 1).
    """
    for block, start in enumerate(range(0, n, BLOCK)):
        stream = generator(seed, purpose, split, block)
        yield torch.rand((BLOCK, *shape), generator=stream)[: n - start]


def fixed_blocks(levels: Tensor, n_levels: int, config: DataConfig, split: str) -> Iterator[Tensor]:
    """Yield the view whose noise is drawn once, bit for bit the same on every device.

    Static and dynamic binarisation share it, so both are evaluated on the same held-out pixels.

    Args:
        levels: (N, C, H, W) uint8: all data of the split.
        n_levels: Number of values that a pixel can take.
        config: The view and the root seed.
        split: Name of the stream.

    Returns:
        Blocks (up to 1000, C, H, W), float32 on the CPU.
    """
    purpose = "binarisation" if config.is_binary else "dequantisation"
    noise = fixed_noise(config.seed, purpose, split, len(levels), levels.shape[1:])
    for part in torch.split(levels, BLOCK):
        drawn = next(noise) if config.is_noisy else None
        yield present(part.cpu(), n_levels, config, drawn)


def fixed_view(
    levels: Tensor,
    n_levels: int,
    config: DataConfig,
    split: str,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the same as one tensor (N, C, H, W) on the CPU, without a second copy in memory."""
    view = torch.empty(levels.shape, dtype=dtype)
    blocks = fixed_blocks(levels, n_levels, config, split)
    for place, block in zip(torch.split(view, BLOCK), blocks, strict=True):
        place.copy_(block)
    return view
