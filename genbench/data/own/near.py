"""Counts test images that are nearly, but not exactly, among the training images."""

import numpy as np
import numpy.typing as npt

NEAR = 0.02
"""Root mean square difference per pixel, the whole range being 1."""
_IMAGES = 1_000
"""So many test images are looked at."""
_PIXELS = 2**26
"""Compared in full at a time."""
_CELLS = 8
_CHUNK = 10_000

Float = npt.NDArray[np.float32]


def n_near(
    test: npt.NDArray[np.uint8], train: npt.NDArray[np.uint8], n_levels: int
) -> tuple[int, int]:
    """Return how many test images are near a training image, and how many were looked at.

    The nearest of each is found among means over 8 x 8 cells, whose distance is at most that of the
    images, and then compared in full. An image may have a nearer one, so there may be more.

    Args:
        test: (N, C, H, W) levels; the first 1,000 are looked at, fewer if they are large.
        train: (M, C, H, W) levels.
        n_levels: Number of values that a pixel can take.
    """
    test = test[: max(1, min(_IMAGES, _PIXELS // test[0].size))]
    nearest = _nearest(_cells(test), train)
    top = n_levels - 1
    gaps = (test.astype(np.float32) - train[nearest]).reshape(len(test), -1) / top
    distance = np.sqrt((gaps**2).mean(axis=1))
    return int(((distance > 0) & (distance < NEAR)).sum()), len(test)


def _nearest(cells: Float, train: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the index of the training image with the nearest cells."""
    best = np.full(len(cells), np.inf, dtype=np.float32)
    index = np.zeros(len(cells), dtype=np.int64)
    for start in range(0, len(train), _CHUNK):
        others = _cells(train[start : start + _CHUNK])
        squares = (others**2).sum(axis=1) - 2 * cells @ others.T
        here = squares.argmin(axis=1)
        found = squares[np.arange(len(cells)), here]
        index = np.where(found < best, start + here, index)
        best = np.minimum(found, best)
    return index


def _cells(levels: npt.NDArray[np.uint8]) -> Float:
    """Return means over 8 x 8 cells, or all pixels of smaller images, a row for each image."""
    height, width = (max(1, side // _CELLS) for side in levels.shape[2:])
    rows, columns = (min(side, _CELLS) for side in levels.shape[2:])
    whole = levels[:, :, : rows * height, : columns * width]
    split = whole.reshape(*levels.shape[:2], rows, height, columns, width)
    means: Float = split.mean(axis=(3, 5), dtype=np.float32)
    return means.reshape(len(levels), -1)
