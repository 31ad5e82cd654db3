"""Reads whatever a path holds, by what it is."""

from pathlib import Path

from genbench.core.errors import DataError
from genbench.data.own.folder import read_folder
from genbench.data.own.images import AS_IT_IS, OwnImages, Reading
from genbench.data.own.numpy_files import read_npy, read_npz

_READERS = {".npz": read_npz, ".npy": read_npy}


def read_images(path: Path, reading: Reading = AS_IT_IS) -> OwnImages:
    """Read a folder of images, an ``.npz``, an ``.npy``, or parquet as Hugging Face writes it.

    Raises:
        DataError: There is nothing, or it can't be read without guessing; names the file.
    """
    if path.is_dir():
        return read_folder(path, reading)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix not in _READERS:
        raise DataError(f"{path.name}: expected a folder, .npz, .npy or .parquet")
    return _READERS[path.suffix](path, reading)
