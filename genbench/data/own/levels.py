"""From values of any type to levels, 0 to ``n_levels - 1``."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError

_BLOCK = 2**22
"""Values that are converted at a time."""
_TOLERANCE = 1e-3
"""Of a step between two levels, for floats."""


def as_levels(
    arrays: Sequence[NDArray[Any]], stated: int | None, source: str
) -> tuple[list[NDArray[np.uint8]], int]:
    """Return the levels of each array, and their number.

    Raises:
        DataError: The number is needed and not stated, or a value is none of the levels.
    """
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1:
        raise DataError(f"{source}: the arrays have different types: {_said(kinds)}")
    (kind,) = kinds
    if kind.kind not in "buif":
        raise DataError(f"{source}: values are {kind}, expected uint8")
    if kind == np.bool_:
        if stated not in (None, 2):
            raise DataError(f"{source}: values are bool, which has 2 levels, not {stated}")
        return [array.view(np.uint8) for array in arrays], 2
    n_levels = stated or (256 if kind == np.uint8 else None)
    if n_levels is None:
        raise DataError(
            f"{source}: values are {kind}; state how many values a pixel can take with `levels`, "
            "256 for 8-bit images"
        )
    read = {"u": _from_integers, "i": _from_integers, "f": _from_floats}[kind.kind]
    return read(arrays, n_levels, source), n_levels


def _from_integers(
    arrays: Sequence[NDArray[Any]], n_levels: int, source: str
) -> list[NDArray[np.uint8]]:
    lowest = min(int(array.min()) for array in arrays)
    highest = max(int(array.max()) for array in arrays)
    if lowest >= 0 and highest < n_levels:
        return [array.astype(np.uint8, copy=False) for array in arrays]
    if arrays[0].dtype == np.uint8:
        return [_from_grid(array, n_levels, source) for array in arrays]
    raise DataError(f"{source}: values are {lowest} to {highest}, expected 0 to {n_levels - 1}")


def _from_grid(array: NDArray[np.uint8], n_levels: int, source: str) -> NDArray[np.uint8]:
    """Read round(255 l / (n_levels - 1)) as l."""
    grid = np.round(np.arange(n_levels) * 255 / (n_levels - 1)).astype(np.uint8)
    found = np.flatnonzero(np.bincount(array.reshape(-1), minlength=256))
    odd = np.setdiff1d(found, grid)
    if len(odd):
        raise DataError(
            f"{source}: a pixel is {odd[0]}, which is none of {n_levels} levels: expected 0 to "
            f"{n_levels - 1}, or these spread over 0 to 255"
        )
    table = np.zeros(256, np.uint8)
    table[grid] = np.arange(n_levels)
    return table[array]


def _from_floats(
    arrays: Sequence[NDArray[Any]], n_levels: int, source: str
) -> list[NDArray[np.uint8]]:
    """Read level / (n_levels - 1), or whole numbers where a value is above 1."""
    lowest, highest = (float(f([f(array) for array in arrays])) for f in (np.min, np.max))
    if not np.isfinite([lowest, highest]).all():
        raise DataError(f"{source}: a value is NaN or infinite")
    top = n_levels - 1
    if lowest < 0 or highest > top:
        raise DataError(
            f"{source}: values are {lowest:.6g} to {highest:.6g}, expected 0 to 1 or 0 to {top}"
        )
    scale = top if highest <= 1 else 1
    return [_rounded(array, scale, n_levels, source) for array in arrays]


def _rounded(array: NDArray[Any], scale: int, n_levels: int, source: str) -> NDArray[np.uint8]:
    tolerance = max(_TOLERANCE, scale * float(np.finfo(array.dtype).eps))
    levels = np.empty(array.shape, np.uint8)
    for part in _blocks(array):
        exact = array[part] * scale
        nearest = np.round(exact)
        gaps = np.abs(exact - nearest)
        if gaps.max() > tolerance:
            value = array[part].reshape(-1)[gaps.argmax()]
            raise DataError(
                f"{source}: {value:.6g} lies between two of {n_levels} levels; round first, "
                f"with np.round({'255 * ' if scale > 1 else ''}x).astype(np.uint8)"
            )
        levels[part] = nearest
    return levels


def _blocks(array: NDArray[Any]) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, array[0].size))
    for start in range(0, len(array), step):
        yield slice(start, start + step)


def _said(kinds: set[np.dtype[Any]]) -> str:
    return ", ".join(sorted(map(str, kinds)))
