"""What a packed file holds: gzip, and MATLAB files of one array; standard library only."""

import gzip
import io
import zlib
from collections.abc import Callable

from genbench.data.matlab import parse_matlab


def unpack_gzip(payload: bytes, size: int) -> bytes | None:
    """Return the unpacked bytes, cut one byte above ``size``; None where the gzip is broken."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(payload)) as stream:
            return stream.read(size + 1)
    except (EOFError, OSError, zlib.error):
        return None


def unpack_matlab(payload: bytes, size: int) -> bytes | None:
    """Return the bytes of the file's array; None where it holds anything but ``size`` uint8."""
    try:
        return parse_matlab(payload, size)
    except ValueError:
        return None


UNPACKERS: dict[str, Callable[[bytes, int], bytes | None]] = {
    ".gz": unpack_gzip,
    ".mat": unpack_matlab,
}
"""By the ending of the file's name; a file with another ending is taken as it is."""
