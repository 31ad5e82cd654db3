"""Images of one's own: read from a folder, ``.npz``, ``.npy`` or parquet, or given as arrays."""

from genbench.data.own.arrays import read_arrays
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.read import read_images

__all__ = ["OwnImages", "Reading", "read_arrays", "read_images"]
