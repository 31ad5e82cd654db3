"""Finds the traces of JPEG compression in images that were stored as something else afterwards.

JPEG divides an image into blocks of 8 x 8 pixels and sets most high frequencies of each to zero.
Whatever the image is saved as later, they stay near zero in the blocks of that grid, and in no
other.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 8
_IMAGES, _SIDE = 300, 64
"""So many images, and so much of each side, are looked at."""
_CONTRAST = 16
"""A block with a smaller range says nothing: its high frequencies vanish anyway."""
_VANISHING = 0.6
"""Rounding to whole levels leaves a standard deviation of 0.29."""
_GAP, _STDERRS, _BLOCKS = 0.02, 4.0, 100
_HIGH = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK)) >= _BLOCK - 1
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def has_traces(levels: npt.NDArray[np.uint8]) -> bool:
    """Tell whether images of 256 levels, (N, C, H, W), were compressed as JPEG.

    For each of the 64 positions of a grid of blocks, the share of high frequencies that vanish is
    found. JPEG is told by one position whose share exceeds all others by 0.02 and by four standard
    errors. Every position needs 100 blocks with some contrast, else nothing is claimed.
    """
    chosen = np.linspace(0, len(levels) - 1, min(len(levels), _IMAGES)).astype(int)
    grey = _grey(levels[chosen, :, :_SIDE, :_SIDE])
    shares = [_shares(grey[:, y:, x:]) for y in range(_BLOCK) for x in range(_BLOCK)]
    if min(map(len, shares)) < _BLOCKS:
        return False
    means = [float(share.mean()) for share in shares]
    best = int(np.argmax(means))
    stderr = float(shares[best].std()) / len(shares[best]) ** 0.5
    return bool(means[best] - sorted(means)[-2] > max(_GAP, _STDERRS * stderr))


def _grey(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    weights = _LUMA if levels.shape[1] == len(_LUMA) else np.ones(1, dtype=np.float32)
    return np.tensordot(levels.astype(np.float32), weights, axes=(1, 0))


def _shares(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.floating[Any]]:
    """Return the share of vanishing high frequencies of each block that has contrast."""
    from scipy.fft import dctn

    height, width = (side // _BLOCK for side in grey.shape[1:])
    whole = grey[:, : height * _BLOCK, : width * _BLOCK]
    blocks = whole.reshape(len(grey), height, _BLOCK, width, _BLOCK).transpose(0, 1, 3, 2, 4)
    blocks = blocks.reshape(-1, _BLOCK, _BLOCK)
    blocks = blocks[np.ptp(blocks, axis=(1, 2)) >= _CONTRAST]
    frequencies = np.abs(dctn(blocks, axes=(1, 2), norm="ortho"))[:, _HIGH]
    shares: npt.NDArray[np.floating[Any]] = (frequencies < _VANISHING).mean(axis=1)
    return shares
