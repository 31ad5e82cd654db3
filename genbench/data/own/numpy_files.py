"""Reads ``.npz`` and ``.npy``: headers and sizes first, and never a pickled object."""

import io
import math
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.core.memory import require_memory
from genbench.data.own.arrays import N_LEVELS, labels_of, parts_of, read_arrays
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.limits import MAX_NAME, VIEWS, refused, shown

_MAX_HEADER = 10_000
_MAX_DIMENSIONS = 4
_PIECE = 2**20
"""Bytes that are read at a time, and the largest directory of an ``.npz``."""
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Header:
    """What an array says of itself, and where its values start."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    start: int

    @property
    def n_bytes(self) -> int:
        """Size of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def shaped(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return flat values in their shape."""
        return values.reshape(self.shape[::-1]).T if self.is_fortran else values.reshape(self.shape)


def read_npy(path: Path, reading: Reading) -> OwnImages:
    """Read the images of an ``.npy``, which stays on the disk.

    Raises:
        DataError: It is damaged, or can't be read without guessing.
    """
    return read_arrays({"x": open_npy(path)}, shown(path.name), reading)


def open_npy(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy``, which stays on the disk.

    Raises:
        DataError: It is damaged, empty, or no array of numbers.
    """
    name = shown(path.name)
    with refused(name, "can't be read"):
        with path.open("rb") as file:
            header = _header(file.read(_MAX_HEADER), path.stat().st_size, name)
        if not header.n_bytes:
            raise DataError(f"{name}: has no images, its shape is {header.shape}")
        flat = np.memmap(path, header.dtype, "r", header.start, math.prod(header.shape))
    return header.shaped(flat)


def read_npz(path: Path, reading: Reading) -> OwnImages:
    """Read the images and labels of an ``.npz``, and no other array of it.

    Raises:
        DataError: It is damaged, or can't be read without guessing.
    """
    name = shown(path.name)
    arrays, note = open_npz(path, _wanted, partial(_require_memory, reading=reading))
    images = read_arrays(arrays, name, reading)
    return replace(images, notes=(*images.notes, *note))


def open_npz(
    path: Path,
    wanted: Callable[[Collection[str], str], Sequence[str]],
    require_room: Callable[[Mapping[str, Header], str], None],
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return some arrays of an ``.npz``, and a sentence on those that are not read.

    Args:
        path: The file.
        wanted: From the names of all arrays, and that of the file, to those that are read.
        require_room: Called with their headers before any of them is read.

    Raises:
        DataError: It is damaged, or one of them is no array of numbers or short names.
    """
    name = shown(path.name)
    with (
        refused(name, "can't be read"),
        _Careful(path) as file,
        zipfile.ZipFile(file) as archive,
    ):
        members = _members(archive, name)
        chosen = wanted(members, name)
        headers = {key: _member_header(archive, members[key], name) for key in chosen}
        require_room(headers, name)
        arrays = {key: _values(archive, members[key], headers[key], name) for key in chosen}
    unread = [shown(key) for key in members if key not in chosen]
    more = ", ..." if len(unread) > 5 else ""
    return arrays, [f"Not read: {', '.join(unread[:5])}{more}."] if unread else []


def _require_memory(headers: Mapping[str, Header], source: str, reading: Reading) -> None:
    """Refuse arrays that don't fit beside their levels and the float views of these."""
    each = 1 if reading.resize else 1 + VIEWS
    images = parts_of(headers, source)
    n_values = sum(math.prod(headers[name].shape) for name in images)
    n_bytes = sum(header.n_bytes for header in headers.values())
    require_memory(n_bytes + each * n_values, f"{source}: {', '.join(images)}", error=DataError)


class _Careful(io.BufferedReader):
    """A file of which no large piece is read at once, whatever a zip's directory claims."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        if min(self._size - self.tell(), self._size if size in (None, -1) else size) > _PIECE:
            raise DataError(f"{shown(Path(self.name).name)}: its directory is too large")
        return super().read(size)


def _wanted(names: Collection[str], source: str) -> list[str]:
    images = parts_of(names, source)
    levels = [N_LEVELS] if N_LEVELS in names else []
    return [*images, *labels_of(names, images, source), *levels]


def _members(archive: zipfile.ZipFile, source: str) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        key = info.filename.removesuffix(".npy")
        if key in members:
            raise DataError(f"{source}: holds {shown(key)} twice")
        members[key] = info
    return members


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str) -> Header:
    name = f"{source}: {shown(info.filename)}"
    if info.compress_type not in _PACKED:
        raise DataError(f"{name}: packed in a way that numpy does not use")
    with refused(name, "is damaged"), archive.open(info) as file:
        return _header(file.read(_MAX_HEADER), info.file_size, name)


def _values(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header, source: str
) -> NDArray[Any]:
    name = f"{source}: {shown(info.filename)}"
    content = bytearray(header.n_bytes)
    with refused(name, "is damaged"), archive.open(info) as file, memoryview(content) as view:
        file.read(header.start)
        done = 0
        while done < len(view):
            piece = file.read(min(_PIECE, len(view) - done))
            if not piece:
                raise DataError(f"{name}: ends after {done} of {len(view)} bytes")
            view[done : done + len(piece)] = piece
            done += len(piece)
    return header.shaped(np.frombuffer(content, header.dtype))


def _header(start: bytes, size: int, name: str) -> Header:
    """Read the header of an array from its first bytes.

    Args:
        start: The first bytes.
        size: The size of header and values.
        name: For messages.

    Raises:
        DataError: It is no array of numbers or short names, or does not have this size.
    """
    file = io.BytesIO(start)
    with refused(name, "is no array of numpy's format"):
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    header = Header(shape, dtype, is_fortran, file.tell())
    _require_plain(header, name)
    if header.start + header.n_bytes != size:
        raise DataError(
            f"{name}: {size} bytes, but its header says {header.start + header.n_bytes}"
        )
    return header


def _require_plain(header: Header, name: str) -> None:
    kind = header.dtype
    if kind.hasobject:
        raise DataError(f"{name}: holds Python objects, which are not read; expected uint8")
    if kind.kind not in "buifU" or not 0 < kind.itemsize <= 4 * MAX_NAME:
        raise DataError(f"{name}: values are {str(kind)[:40]}, expected uint8")
    if len(header.shape) > _MAX_DIMENSIONS or min(header.shape, default=0) < 0:
        raise DataError(f"{name}: its shape is {str(header.shape)[:80]}")
