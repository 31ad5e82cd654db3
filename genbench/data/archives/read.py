"""Reads images that a model made: of any type of number, in any layout that fits the data."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.core.memory import require_memory
from genbench.data.own.checks import Concern
from genbench.data.own.limits import quiet, refused, shown
from genbench.data.own.names import require_there
from genbench.data.own.numpy_files import Header, open_npy, open_npz
from genbench.data.own.pictures import AS_JPEG
from genbench.data.own.read import read_images

Shape = tuple[int, int, int]
PREFIX = "external:"
"""Before the name of samples that no model of genbench made."""
NAMES = ("arr_0", "samples", "images", "x", "data")
"""What the array of samples of an ``.npz`` may be called."""
_FLOAT = 4
"""Bytes of a value once it is read as an intensity."""


@dataclass(frozen=True, eq=False)
class Archive:
    """Images that a model made, as they were stored.

    Attributes:
        source: Name of the file or folder.
        values: (N, C, H, W), of the shape of the data's images.
        top: The value of white, where the format says it; floats don't.
        notes: How they were read, a sentence each.
        flags: What is odd about how they were stored.
    """

    source: str
    values: NDArray[Any]
    top: int | None
    notes: tuple[str, ...] = ()
    flags: tuple[Concern, ...] = ()


def read_archive(path: Path, shape: Shape) -> Archive:
    """Read a folder of images, an ``.npz``, an ``.npy``, or parquet.

    Args:
        path: Where the samples are. Of an ``.npz``, the array ``arr_0``, ``samples``, ``images``,
            ``x`` or ``data`` is read.
        shape: (C, H, W) of the data's images.

    Raises:
        DataError: There is nothing, it is damaged, or its images have another shape.
    """
    require_there(path)
    with quiet():
        if path.is_file() and path.suffix.lower() == ".npy":
            return archive_of(open_npy(path), shown(path.name), shape)
        if path.is_file() and path.suffix.lower() == ".npz":
            arrays, notes = open_npz(path, _samples, _require_room)
            (array,) = arrays.values()
            return archive_of(array, shown(path.name), shape, notes)
        images = read_images(path)
    stored = _in_shape(images.levels, shape, images.source)
    lossy = (_as_jpeg(note) for note in images.notes if AS_JPEG in note)
    flags = (*_of_channels(images.levels.shape[1], shape), *lossy)
    return Archive(images.source, stored, images.n_levels - 1, images.notes, flags)


def archive_of(values: object, source: str, shape: Shape, notes: Collection[str] = ()) -> Archive:
    """Return the images in an array: (N, H, W), (N, H, W, C) or (N, C, H, W).

    Args:
        values: Whatever numpy makes an array of numbers of.
        source: What they are called in messages.
        shape: (C, H, W) of the data's images.
        notes: What else was found.

    Raises:
        DataError: It is no array of numbers, is empty, or has another shape.
    """
    with refused(source, "not an array"):
        array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise DataError(f"{source}: values are {str(array.dtype)[:40]}, expected uint8 or floats")
    if not array.size:
        raise DataError(f"{source}: has no images, its shape is {array.shape}")
    images, layout = _channels_first(array, shape, source)
    top = {"b": 1, "u": 255}.get(array.dtype.kind if array.itemsize == 1 else "")
    note = f"{array.dtype} of shape {array.shape}, read as ({', '.join(layout)})."
    flags = tuple(_of_channels(images.shape[1], shape))
    return Archive(source, _in_shape(images, shape, source), top, (note, *notes), flags)


def _samples(names: Collection[str], source: str) -> list[str]:
    """Return the one name that is that of samples; a single array may have any name."""
    found = [name for name in NAMES if name in names] or (list(names) if len(names) == 1 else [])
    if len(found) != 1:
        held = ", ".join(map(shown, found or list(names)[:8])) or "nothing"
        raise DataError(f"{source}: holds {held}; expected one of {', '.join(NAMES)}")
    return found


def _require_room(headers: Mapping[str, Header], source: str) -> None:
    """Refuse arrays that don't fit beside themselves as floats."""
    for name, header in headers.items():
        n_bytes = header.n_bytes + _FLOAT * math.prod(header.shape)
        require_memory(n_bytes, f"{source}: {shown(name)}", error=DataError)


def _channels_first(
    array: NDArray[Any], shape: Shape, source: str
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return a view (N, C, H, W), and the order of the axes that it was read from."""
    found, sides = array.shape[1:], shape[1:]
    if found == sides:
        return array[:, None], ("N", "H", "W")
    if len(found) == 3 and found[1:] == sides and found[0] in (1, 3):
        return array, ("N", "C", "H", "W")
    if len(found) == 3 and found[:2] == sides and found[2] in (1, 3):
        return np.moveaxis(array, 3, 1), ("N", "H", "W", "C")
    raise DataError(f"{source}: shape {array.shape} {_why_not(found, shape)}")


def _why_not(found: tuple[int, ...], shape: Shape) -> str:
    c, h, w = shape
    expected = f"expected (N, {h}, {w}, {c}) or (N, {c}, {h}, {w})"
    if found in ((c * h * w,), (1, c * h * w)):
        return f"is flat; say which pixels are neighbours with x.reshape(-1, {c}, {h}, {w})"
    if 4 in (*found[:1], *found[-1:]) and {h, w} <= set(found):
        return f"has 4 channels, {expected}; leave transparency out with x[..., :3]"
    return f"does not fit the data: {expected}"


def _in_shape(images: NDArray[Any], shape: Shape, source: str) -> NDArray[Any]:
    """Return images (N, C, H, W) with as many channels as the data have.

    Raises:
        DataError: Their sides are others, or they are coloured and the data grey.
    """
    if images.shape[2:] != shape[1:]:
        found, expected = (" x ".join(map(str, sides)) for sides in (images.shape[2:], shape[1:]))
        raise DataError(
            f"{source}: images of {found} pixels, the data have {expected}; scale them first"
        )
    if images.shape[1] == shape[0]:
        return images
    if shape[0] == 3:
        return np.broadcast_to(images, (len(images), *shape))
    if (images[:, :1] != images[:, 1:]).any():
        raise DataError(
            f"{source}: images in colour, the data are grey; convert them to grey first"
        )
    return images[:, :1]


def _of_channels(found: int, shape: Shape) -> list[Concern]:
    if found == shape[0]:
        return []
    how = "three equal channels, and the data one: one of them is used"
    if found == 1:
        how = "one channel, and the data three: grey is compared with colour"
    return [Concern("channels", f"the samples have {how}")]


def _as_jpeg(note: str) -> Concern:
    return Concern("jpeg", f"{note.rstrip('.')}: a metric sees that; store samples as PNG")
