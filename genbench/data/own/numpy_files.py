"""Reads ``.npz`` and ``.npy``."""

from pathlib import Path

import numpy as np

from genbench.data.own.arrays import read_arrays
from genbench.data.own.images import OwnImages, Reading


def read_npz(path: Path, reading: Reading) -> OwnImages:
    """Read the arrays of an ``.npz``."""
    with np.load(path, allow_pickle=False) as archive:
        return read_arrays(dict(archive), path.name, reading)


def read_npy(path: Path, reading: Reading) -> OwnImages:
    """Read the array of an ``.npy``."""
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    return read_arrays({"x": images}, path.name, reading)
