"""From stored values of samples to intensities in [0, 1], by one rule that is stated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.data.archives.read import Archive
from genbench.data.own.checks import Concern

SLACK = 0.25
"""So far beyond [0, 1] floats may reach before they are taken for another range."""
_LEVELS, _DARK = 8, 32
"""So many levels beyond 0 and 255 may they reach likewise, and above so many must they reach."""
_EPSILON = 1e-6
_BLOCK = 1000
"""Images that are converted at a time."""


@dataclass(frozen=True)
class Scale:
    """How a stored value becomes an intensity: ``(value - zero) / span``, clipped to [0, 1].

    Attributes:
        zero: The value of black.
        span: From black to white.
        text: The rule, for the protocol.
        flags: What is odd about the range.
    """

    zero: float
    span: float
    text: str
    flags: tuple[Concern, ...] = ()

    def intensities(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return values of any shape as float32 intensities."""
        read = np.empty(values.shape, np.float32)
        for start in range(0, len(values), _BLOCK):
            here = slice(start, start + _BLOCK)
            shifted = values[here].astype(np.float32) - np.float32(self.zero)
            np.clip(shifted / np.float32(self.span), 0, 1, out=read[here])
        return read


def scale_of(archive: Archive, n_levels: int) -> Scale:
    """Find out how samples are scaled.

    8-bit values are levels 0 to 255, or levels of the data if none is above these. Floats are in
    [0, 1]; if they reach below -1/2, in [-1, 1]; if they reach far above 1, in [0, 255].

    Args:
        archive: The samples.
        n_levels: Number of levels of the data.

    Raises:
        DataError: A value is NaN or infinite, or the range is none of these.
    """
    low, high = _ends(archive)
    if archive.values.dtype.kind != "f":
        return _of_whole_numbers(archive, low, high, n_levels)
    return _of_floats(archive.source, low, high, n_levels)


def _ends(archive: Archive) -> tuple[float, float]:
    values = archive.values
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        bad = [i for i, image in enumerate(values) if not np.isfinite(image).all()]
        raise DataError(
            f"{archive.source}: {len(bad):,} of {len(values):,} images hold NaN or infinite values;"
            f" the first is image {bad[0]}"
        )
    return low, high


def _of_whole_numbers(archive: Archive, low: float, high: float, n_levels: int) -> Scale:
    top = n_levels - 1
    if archive.top == 1:
        return Scale(0, 1, "two levels")
    if archive.top == 255 and 1 < top < 255 and high <= top:
        return Scale(0, top, f"level / {top}")
    if not (low >= 0 and high <= 255):
        raise DataError(f"{archive.source}: values are {low:g} to {high:g}, expected 0 to 255")
    if high <= 1 and n_levels == 2:
        return Scale(0, 1, "two levels")
    if high <= 1:
        flag = "whole numbers 0 and 1 are read as black and white; floats that were cut to whole "
        return Scale(0, 1, "two levels", (Concern("range", f"{flag}numbers look like that, too"),))
    return Scale(0, 255, "level / 255")


def _of_floats(source: str, low: float, high: float, n_levels: int) -> Scale:
    if low >= -SLACK and high <= 1 + SLACK:
        return Scale(0, 1, "x", tuple(_outside(low, high, 0, 1)))
    if -1 - SLACK <= low < -0.5 and high <= 1 + SLACK:
        read = Concern("range", f"floats from {low:.4g} to {high:.4g} are read as (x + 1) / 2")
        return Scale(-1, 2, "(x + 1) / 2", (read, *_outside(low, high, -1, 1)))
    if low >= 0 and 1 < high <= n_levels - 1 < 255:
        text = f"floats up to {high:.4g} are read as the {n_levels} levels of the data"
        read = Concern("range", text)
        return Scale(0, n_levels - 1, f"x / {n_levels - 1}", (read,))
    if low >= -_LEVELS and _DARK < high <= 255 + _LEVELS:
        return _of_levels(low, high)
    raise DataError(
        f"{source}: values are {low:.6g} to {high:.6g}, expected floats in [0, 1], [-1, 1] or "
        "[0, 255], or uint8"
    )


def _of_levels(low: float, high: float) -> Scale:
    """Read floats as levels; 127.5 x + 128 without the cut to whole numbers is half too high."""
    if abs(low - 0.5) < _EPSILON and abs(high - 255.5) < 1e-4:
        text = "floats from 0.5 to 255.5 are 127.5 x + 128 that was not cut to whole numbers"
        return Scale(0.5, 255, "(x - 0.5) / 255", (Concern("rounding", f"{text}: 0.5 is black"),))
    read = Concern("range", f"floats from {low:.4g} to {high:.4g} are read as x / 255")
    return Scale(0, 255, "x / 255", (read, *_outside(low, high, 0, 255)))


def _outside(low: float, high: float, black: float, white: float) -> list[Concern]:
    slack = _EPSILON * (white - black)
    if low >= black - slack and high <= white + slack:
        return []
    text = f"values reach from {low:.4g} to {high:.4g}, beyond [{black:g}, {white:g}]: clipped"
    return [Concern("range", text)]
