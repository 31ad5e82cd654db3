"""From values of any type to levels, 0 to ``n_levels - 1``."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError

Arrays = Sequence[NDArray[Any]]
_BLOCK = 2**22
"""Values that are converted at a time."""
_TOLERANCE = 1e-3
"""Of a step between two levels, for floats."""


class Levels(NamedTuple):
    """Levels of several arrays, how many there are, and how they were read."""

    arrays: list[NDArray[np.uint8]]
    n_levels: int
    note: str


def as_levels(arrays: Arrays, stated: int | None, source: str) -> Levels:
    """Read values as levels, by one rule for all arrays.

    Raises:
        DataError: The number of levels is needed and not stated, or a value is none of them.
    """
    kind = _kind_of(arrays, source)
    if kind == np.bool_:
        if stated not in (None, 2):
            raise DataError(f"{source}: values are bool, which has 2 levels, not {stated}")
        return Levels([_from_bool(array) for array in arrays], 2, "bool: 2 levels.")
    if stated is None and kind != np.uint8:
        raise DataError(
            f"{source}: values are {kind}; state how many values a pixel can take with `levels`, "
            "256 for 8-bit images"
        )
    n_levels = stated or 256
    if kind == np.uint8 and n_levels == 256:
        return Levels(list(arrays), 256, "uint8: 256 levels.")
    with np.errstate(all="ignore"):
        read = _from_floats if kind.kind == "f" else _from_integers
        return read(arrays, n_levels, source)


def _kind_of(arrays: Arrays, source: str) -> np.dtype[Any]:
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1:
        names = ", ".join(sorted(map(str, kinds)))
        raise DataError(f"{source}: arrays of images are of different types: {names}")
    (kind,) = kinds
    if kind.kind not in "buif":
        raise DataError(f"{source}: values are {str(kind)[:40]}, expected uint8")
    return kind


def _from_bool(array: NDArray[Any]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = (array.view(np.uint8) != 0).view(np.uint8)
    return levels


def _from_integers(arrays: Arrays, n_levels: int, source: str) -> Levels:
    lowest = min(int(array.min()) for array in arrays)
    highest = max(int(array.max()) for array in arrays)
    if lowest >= 0 and highest < n_levels:
        levels = [array.astype(np.uint8, copy=False) for array in arrays]
        return Levels(levels, n_levels, f"{arrays[0].dtype}: {n_levels} levels, as they are.")
    if arrays[0].dtype == np.uint8:
        return _from_grid(arrays, n_levels, source)
    raise DataError(f"{source}: values are {lowest} to {highest}, expected 0 to {n_levels - 1}")


def _from_grid(arrays: Arrays, n_levels: int, source: str) -> Levels:
    """Read round(255 l / (n_levels - 1)) as l."""
    grid = np.round(np.arange(n_levels) * 255 / (n_levels - 1)).astype(np.uint8)
    table = np.full(256, 255, np.uint8)
    table[grid] = np.arange(n_levels)
    on_grid = np.isin(np.arange(256), grid)
    for array in arrays:
        found = sum(np.bincount(array[part].reshape(-1), minlength=256) for part in _blocks(array))
        odd = np.flatnonzero((found > 0) & ~on_grid)
        if len(odd):
            raise DataError(
                f"{source}: a pixel is {odd[0]}, which is none of {n_levels} levels; expected 0 to "
                f"{n_levels - 1}, or these spread evenly over 0 to 255"
            )
    note = f"uint8: {n_levels} levels, which were spread over 0 to 255."
    return Levels([_converted(array, table.__getitem__) for array in arrays], n_levels, note)


def _from_floats(arrays: Arrays, n_levels: int, source: str) -> Levels:
    """Read level / (n_levels - 1), or whole numbers where a value is above 1."""
    lowest, highest = (float(f([f(array) for array in arrays])) for f in (np.min, np.max))
    top = n_levels - 1
    if not np.isfinite([lowest, highest]).all():
        bad, n = sum(map(_n_not_finite, arrays)), sum(map(len, arrays))
        raise DataError(f"{source}: {bad:,} of {n:,} images hold NaN or infinite values")
    if lowest < 0 or highest > top:
        fix = "; of -1 to 1, take (x + 1) / 2" if lowest >= -1 and highest <= 1 else ""
        raise DataError(
            f"{source}: values are {lowest:.6g} to {highest:.6g}, expected 0 to 1 or 0 to"
            f" {top}{fix}"
        )
    to_levels = partial(_rounded, scale=top if highest <= 1 else 1, source=source)
    levels = [_converted(array, to_levels) for array in arrays]
    how = f"level / {top}" if highest <= 1 else "levels"
    return Levels(levels, n_levels, f"{arrays[0].dtype}: {n_levels} levels, read as {how}.")


def _n_not_finite(images: NDArray[Any]) -> int:
    return sum(not np.isfinite(image).all() for image in images)


def _rounded(values: NDArray[Any], scale: int, source: str) -> NDArray[Any]:
    exact = values * scale
    nearest = np.round(exact)
    gaps = np.abs(exact - nearest)
    if gaps.max() > max(_TOLERANCE, scale * float(np.finfo(values.dtype).eps)):
        odd = float(values.reshape(-1)[gaps.argmax()])
        raise DataError(
            f"{source}: {odd:.6g} lies between two levels; round first, with "
            f"np.round({f'{scale} * ' if scale > 1 else ''}x).astype(np.uint8)"
        )
    return nearest


def _converted(
    array: NDArray[Any], to_levels: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.uint8]:
    levels = np.empty(array.shape, np.uint8)
    for part in _blocks(array):
        levels[part] = to_levels(array[part])
    return levels


def _blocks(array: NDArray[Any]) -> Iterator[slice]:
    """Yield slices of the first axis with a few million values each."""
    step = max(1, _BLOCK // max(1, array[0].size))
    for start in range(0, len(array), step):
        yield slice(start, start + step)
