"""Counts test images that are nearly, but not exactly, among the training images."""

import numpy as np
import numpy.typing as npt

NEAR = 0.02
"""Root mean square difference per pixel, the whole range being 1."""
_PAIRS = 2**30
"""Compared by their cells at most: ten seconds or so. All of MNIST are fewer."""
_PIXELS = 2**24
"""Compared in full at a time."""
_CELLS = 8
_TRAIN, _TEST = 10_000, 1_000
"""Compared by their cells at a time."""

Float = npt.NDArray[np.float32]


def n_near(
    test: npt.NDArray[np.uint8], train: npt.NDArray[np.uint8], n_levels: int
) -> tuple[int, int]:
    """Return how many test images are near a training image, and how many were looked at.

    The nearest of each is found among means over 8 x 8 cells, whose distance is at most that of the
    images, and then compared in full. An image may have a nearer one, so there may be more.

    Args:
        test: (N, C, H, W) levels. All are looked at, or as many as there is time for, evenly
            spaced.
        train: (M, C, H, W) levels.
        n_levels: Number of values that a pixel can take.
    """
    n = max(1, min(len(test), _PAIRS // len(train)))
    looked_at = np.arange(n) * len(test) // n
    n_near, size = 0, max(1, _PIXELS // test[0].size)
    nearest = _nearest(_cells(test[looked_at]), train)
    for start in range(0, n, size):
        here = slice(start, start + size)
        distance = _distances(test[looked_at[here]], train[nearest[here]], n_levels)
        n_near += int(((distance > 0) & (distance < NEAR)).sum())
    return n_near, n


def _distances(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], n_levels: int) -> Float:
    """Return the root mean square difference per pixel of each pair of images."""
    gaps = (a.astype(np.float32) - b).reshape(len(a), -1) / (n_levels - 1)
    distances: Float = np.sqrt((gaps**2).mean(axis=1))
    return distances


def _nearest(cells: Float, train: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the index of the training image with the nearest cells."""
    best = np.full(len(cells), np.inf, dtype=np.float32)
    index = np.zeros(len(cells), dtype=np.int64)
    for start in range(0, len(train), _TRAIN):
        others = _cells(train[start : start + _TRAIN])
        lengths = (others**2).sum(axis=1)
        for first in range(0, len(cells), _TEST):
            here = slice(first, first + _TEST)
            squares = lengths - 2 * cells[here] @ others.T
            found = squares.argmin(axis=1)
            least = np.take_along_axis(squares, found[:, None], axis=1)[:, 0]
            index[here] = np.where(least < best[here], start + found, index[here])
            best[here] = np.minimum(least, best[here])
    return index


def _cells(levels: npt.NDArray[np.uint8]) -> Float:
    """Return means over 8 x 8 cells, or all pixels of smaller images, a row for each image."""
    height, width = (max(1, side // _CELLS) for side in levels.shape[2:])
    rows, columns = (min(side, _CELLS) for side in levels.shape[2:])
    whole = levels[:, :, : rows * height, : columns * width]
    split = whole.reshape(*levels.shape[:2], rows, height, columns, width)
    means: Float = split.mean(axis=(3, 5), dtype=np.float32)
    return means.reshape(len(levels), -1)
