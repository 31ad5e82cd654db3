"""Reads MNIST, Fashion-MNIST and KMNIST from idx files.

The format, after LeCun: two zero bytes, the element type (8 is uint8), the number of dimensions,
each dimension as a big-endian 32-bit integer, then the elements in row-major order.
"""

import math
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genbench.core.errors import DataError
from genbench.data.fetch import content_of
from genbench.data.specs import DatasetSpec, RawData

_UINT8 = 8
_DIMENSIONS = (1, 3)  # labels, images


def read(spec: DatasetSpec, data_dir: Path, with_test: bool = True) -> RawData:
    """Return the four arrays of ``spec``, each file checked against its pinned digest.

    A missing file is downloaded first. Without the test set its two files are not opened.

    Raises:
        DataError: A file is damaged, or missing and cannot be downloaded.
    """
    files = spec.files if with_test else spec.files[:2]
    contents = ((file.unpacked_name, content_of(spec, file, data_dir)) for file in files)
    x, y, *test = (parse_idx(content, name) for name, content in contents)
    return RawData(x, y, *(test or (x[:0], y[:0])))


def parse_idx(content: bytes, source: str) -> npt.NDArray[np.uint8]:
    """Decode an idx file of uint8 labels (N,) or images (N, H, W), strictly.

    Args:
        content: The unpacked file.
        source: Its name, for error messages.

    Returns:
        A read-only view of ``content``.

    Raises:
        DataError: The magic number, the dimensions or the length is not exactly right.

    Example:
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels").tolist()
        [7, 9]
    """
    shape = _shape(content, source)
    start = 4 + 4 * len(shape)
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise DataError(f"{source}: {len(content)} bytes, but its header says {expected}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _shape(content: bytes, source: str) -> tuple[int, ...]:
    n_dims = content[3] if len(content) > 3 else 0
    if content[:3] != bytes([0, 0, _UINT8]) or n_dims not in _DIMENSIONS:
        raise DataError(f"{source}: not an idx file of uint8 labels or images")
    if len(content) < 4 + 4 * n_dims:
        raise DataError(f"{source}: ends inside its header")
    shape: tuple[int, ...] = struct.unpack_from(f">{n_dims}I", content, 4)
    return shape
