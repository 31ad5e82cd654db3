"""Makes the shapes: white squares whose position and size are all there is to know; numpy only.

Every combination of 12 columns, 12 rows and 4 sides comes once: 576 images of 20x20 pixels, black
or white. The factors are independent and uniform by construction. The images are put into a fixed
order as the digits are; the label is the index of the side.
"""

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genbench.data.digits import permutation
from genbench.data.records import DatasetSpec, RawData

WIDTH = 20
CENTRES = tuple(range(4, 16))
SIDES = (3, 5, 7, 9)
FACTORS = ("column", "row", "side")

_COMBINATIONS = tuple(product(range(len(CENTRES)), range(len(CENTRES)), range(len(SIDES))))


def factors() -> npt.NDArray[np.int64]:
    """Return column, row and side of each image as indices (576, 3): train, validation, test."""
    order = permutation(len(_COMBINATIONS), "shapes")
    return np.array([_COMBINATIONS[index] for index in order], dtype=np.int64)


def draw(known: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the images (N, 20, 20), levels 0 and 1, that have the factors ``known`` (N, 3)."""
    centres, sides = np.array(CENTRES), np.array(SIDES)
    place = np.arange(WIDTH)
    within = [
        np.abs(place - centres[known[:, i]][:, None]) <= sides[known[:, 2]][:, None] // 2
        for i in (0, 1)
    ]
    columns, rows = within  # (N, 20) each
    images: npt.NDArray[np.uint8] = (rows[:, :, None] & columns[:, None, :]).astype(np.uint8)
    return images


def read(spec: DatasetSpec, data_dir: Path) -> RawData:
    """Return the images and the index of the side of each."""
    known, cut = factors(), spec.n_train
    images, labels = draw(known), known[:, 2].astype(np.uint8)
    return RawData(images[:cut], labels[:cut], images[cut:], labels[cut:])
