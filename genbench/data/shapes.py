"""Draws the shapes: white squares that are fully described by their position and size.

Every combination of 12 columns, 12 rows and 4 sides occurs once: 576 images of 20x20 pixels, black
or white. The factors are independent and uniform by construction. The images are in a fixed order,
sorted as the digits are; the label is the index of the side.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genbench.data.digits import permutation
from genbench.data.specs import DatasetSpec, RawData

WIDTH = 20
CENTRES = tuple(range(4, 16))
SIDES = (3, 5, 7, 9)
FACTORS = ("column", "row", "side")

_COMBINATIONS = tuple(product(range(len(CENTRES)), range(len(CENTRES)), range(len(SIDES))))


def factors() -> npt.NDArray[np.int64]:
    """Return column, row and side of each image as indices (576, 3), the test set last."""
    order = permutation(len(_COMBINATIONS), "shapes")
    return np.array([_COMBINATIONS[index] for index in order], dtype=np.int64)


def draw(indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the images (N, 20, 20), levels 0 and 1, with the factors ``indices`` (N, 3)."""
    centres, sides = np.array(CENTRES), np.array(SIDES)
    positions = np.arange(WIDTH)
    columns, rows = (  # (N, 20) each
        np.abs(positions - centres[indices[:, i]][:, None]) <= sides[indices[:, 2]][:, None] // 2
        for i in (0, 1)
    )
    images: npt.NDArray[np.uint8] = (rows[:, :, None] & columns[:, None, :]).astype(np.uint8)
    return images


def factors_of(images: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the factors (N, 3) of images (N, 20, 20), as indices; the inverse of :func:`draw`."""
    inside = images > 0
    columns, rows = inside.any(axis=1), inside.any(axis=2)  # (N, 20) each
    sides = columns.sum(axis=1)
    centres = [line.argmax(axis=1) + sides // 2 - CENTRES[0] for line in (columns, rows)]
    return np.stack([*centres, (sides - SIDES[0]) // 2], axis=1).astype(np.int64)


def read(spec: DatasetSpec, data_dir: Path, with_test: bool = True) -> RawData:
    """Return the images and the index of the side of each."""
    indices, cut = factors(), spec.n_train
    images, labels = draw(indices), indices[:, 2].astype(np.uint8)
    return RawData(images[:cut], labels[:cut], images[cut:], labels[cut:])
