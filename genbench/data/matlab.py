"""Reads MATLAB files that hold one array of uint8, strictly; standard library only.

The Level 5 format: a header of 128 bytes that ends in the version and the byte order, then elements
of a tag (type, size) and content, padded to 8 bytes; an array is an element of four elements,
possibly in zlib. General readers accept more, and can be made to crash by a damaged file.
"""

import math
import struct
import zlib
from typing import NamedTuple

_INT8, _UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 14, 15
_CLASS_UINT8 = 9
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
_TAGS = 1024  # bytes that an array takes beside its pixels, at most


class _Element(NamedTuple):
    kind: int
    content: bytes
    rest: bytes


def parse_matlab(payload: bytes, size: int) -> bytes:
    """Return the bytes of the one array in a MATLAB file, column after column.

    Args:
        payload: The file.
        size: How many bytes the array has.

    Raises:
        ValueError: The file holds anything but one real uint8 array of that size.
    """
    order = _ORDERS.get(payload[124:128])
    if order is None:
        raise ValueError("not a MATLAB 5 file")
    try:
        found = _element(payload[128:], order)
        if found.kind == _COMPRESSED:
            inflated = zlib.decompressobj()
            array = inflated.decompress(found.content, size + _TAGS)
            _require(inflated.eof, "the compressed array does not end")
            found = _Element(*_element(array, order)[:2], rest=found.rest)
        _require(found.kind == _MATRIX and not found.rest, "not exactly one array")
        return _array(found.content, order, size)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"broken: {error}") from error


def _array(content: bytes, order: str, size: int) -> bytes:
    """Return the content of the last of the four parts: flags, dimensions, name and numbers."""
    flags = _element(content, order)
    dims = _element(flags.rest, order)
    name = _element(dims.rest, order)
    numbers = _element(name.rest, order)
    kinds = [flags.kind, dims.kind, name.kind, numbers.kind]
    _require(kinds == [_UINT32, _INT32, _INT8, _UINT8], "not an array of uint8")
    word, _ = struct.unpack(f"{order}2I", flags.content)
    _require(word == _CLASS_UINT8, "not a real array of uint8")  # no flag is set beside the class
    shape = struct.unpack(f"{order}{len(dims.content) // 4}i", dims.content)
    _require(math.prod(shape) == len(numbers.content) == size, "an array of another size")
    return numbers.content


def _element(payload: bytes, order: str) -> _Element:
    """Split the first element off; one of up to four bytes may stand inside its tag."""
    kind, size = struct.unpack_from(f"{order}2I", payload)
    start = 8
    if kind >> 16:
        kind, size, start = kind & 0xFFFF, kind >> 16, 4
        _require(size <= 4, "a short element is too long")
    stop = start + size
    end = stop if kind == _COMPRESSED else -(-stop // 8) * 8
    _require(stop <= len(payload), "ends inside an element")
    return _Element(kind, payload[start:stop], payload[end:])


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
