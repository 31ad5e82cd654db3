"""Collects images of one size as they are decoded, in the array that they stay in."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.data.own.images import Reading, Size
from genbench.data.own.levels import as_levels
from genbench.data.own.limits import require_room
from genbench.data.own.pictures import FILTER, Picture, decode, require_all_levels

MIXED_SIZES = "Different sizes before, height x width"


class Stack:
    """Images from their files' bytes, grey ones repeated in three channels beside coloured ones.

    Args:
        n: How many there will be.
        source: Where they are, for messages.
        reading: What their files don't say.

    Raises:
        DataError: ``reading`` has a layout, which files of images don't.
    """

    def __init__(self, n: int, source: str, reading: Reading) -> None:
        if reading.layout:
            raise DataError(f"{source}: `layout` is for arrays, and these are files; leave it out")
        self._n, self._source, self._reading = n, source, reading
        self._pixels = np.empty((0, 0, 0, 0), np.uint8)
        self._count = self._bilevel = self._grey = 0
        self._first = ""
        self._remarks: Counter[str] = Counter()
        self._sizes: set[Size] = set()

    def add(self, content: bytes, name: str) -> None:
        """Decode the next image.

        Raises:
            DataError: It can't be read, or has another size than the first.
        """
        if self._count == self._n:
            raise DataError(f"{name}: more images than the {self._n} that were declared")
        picture = decode(content, name, self._reading.resize)
        channels, height, width = picture.pixels.shape
        if not self._count:
            self._first = name
            self._pixels = self._room(channels, height, width)
        if (height, width) != self._pixels.shape[2:]:
            raise DataError(self._mixed(name, height, width))
        if channels > self._pixels.shape[1]:
            pixels = self._room(channels, height, width)
            pixels[: self._count] = self._pixels[: self._count]
            self._pixels = pixels
        self._pixels[self._count] = picture.pixels
        self._note(picture)

    def finish(self) -> tuple[NDArray[np.uint8], int, list[str]]:
        """Return all images (N, C, H, W), the number of levels, and how they were read."""
        stated = self._reading.levels
        if stated is None and self._bilevel == self._count and not self._reading.resize:
            stated = 2
        if self._reading.resize:
            require_all_levels(stated or 256, self._source)
        (pixels,), n_levels, note = as_levels([self._pixels], stated, self._source)
        return pixels, n_levels, [note, *self._notes()]

    def _room(self, channels: int, height: int, width: int) -> NDArray[np.uint8]:
        shape = (channels, height, width)
        require_room(self._n, shape, self._source)
        return np.empty((self._n, *shape), np.uint8)

    def _note(self, picture: Picture) -> None:
        self._count += 1
        self._bilevel += picture.is_bilevel
        self._grey += len(picture.pixels) == 1
        self._remarks.update(picture.remarks)
        self._sizes.add(picture.size)

    def _notes(self) -> list[str]:
        remarks = self._remarks.copy()
        if 0 < self._grey < self._count:
            remarks["grey, repeated in three channels"] = self._grey
        notes = [f"{n:,} of {self._count:,} images: {remark}." for remark, n in remarks.items()]
        if self._reading.resize:
            height, width = self._reading.resize
            notes.append(f"Scaled to {height} x {width}, {FILTER}.")
        if len(self._sizes) > 1:
            first, last = min(self._sizes), max(self._sizes)
            notes.append(
                f"{MIXED_SIZES}: {len(self._sizes)}, from {first[0]} x {first[1]} to {last[0]} x "
                f"{last[1]}."
            )
        return notes

    def _mixed(self, name: str, height: int, width: int) -> str:
        first = self._pixels.shape[2:]
        return (
            f"images of different sizes, height x width: {self._first} has {first[0]} x {first[1]},"
            f" {name} has {height} x {width}; scale them with `resize = [{first[0]}, {first[1]}]`"
        )
