"""Reads whatever a path holds, by what it is."""

from collections.abc import Callable
from pathlib import Path

from genbench.core.errors import DataError
from genbench.data.own.folder import read_folder
from genbench.data.own.images import AS_IT_IS, OwnImages, Reading
from genbench.data.own.limits import quiet, shown
from genbench.data.own.names import require_there
from genbench.data.own.numpy_files import read_npy, read_npz
from genbench.data.own.parquet import is_parquet_folder, read_parquet
from genbench.data.own.pictures import SUFFIXES

_READERS: dict[str, Callable[[Path, Reading], OwnImages]] = {
    ".npz": read_npz,
    ".npy": read_npy,
    ".parquet": read_parquet,
}


def read_images(path: Path, reading: Reading = AS_IT_IS) -> OwnImages:
    """Read a folder of images, an ``.npz``, an ``.npy``, or parquet as Hugging Face writes it.

    Raises:
        DataError: There is nothing, or it can't be read without guessing; names the file.
    """
    require_there(path)
    path = path.absolute()
    with quiet():
        if path.is_dir():
            read = read_parquet if is_parquet_folder(path) else read_folder
            return read(path, reading)
        if not path.is_file():
            raise DataError(f"{shown(str(path))}: neither a file nor a folder")
        suffix = path.suffix.lower()
        if suffix not in _READERS:
            fix = "; give the folder that the image lies in" if suffix in SUFFIXES else ""
            raise DataError(f"{shown(path.name)}: expected a folder, {', '.join(_READERS)}{fix}")
        return _READERS[suffix](path, reading)
