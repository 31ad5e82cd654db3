"""Files that recipes read, written once for all cases."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np


@cache
def archive_of(shape, seed):
    """Return the path of an archive of 20 images of a shape, others for each seed."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    images = np.random.default_rng(seed).integers(0, 256, (20, *shape), dtype=np.uint8)
    np.savez(folder / "samples.npz", samples=images)
    return folder / "samples.npz"
