"""Labels are the rank of their class, whatever they are called."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError

MAX_CLASSES = 1_000


def ranked(labels: NDArray[Any], source: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the rank of each label, and the names of the classes in natural order.

    Raises:
        DataError: Labels are neither integers nor names, or there are too many.

    Example:
        >>> ranked(np.array(["10", "9", "10"]), "x.npz")
        (array([1, 0, 1]), ('9', '10'))
    """
    if labels.dtype.kind not in "buiU":
        raise DataError(f"{source}: labels are {labels.dtype}, expected integers")
    values, ranks = np.unique(labels, return_inverse=True)
    if len(values) > MAX_CLASSES:
        raise DataError(f"{source}: {len(values)} different labels, at most {MAX_CLASSES}")
    if labels.dtype.kind == "i" and values[0] < 0:
        raise DataError(f"{source}: a label is {values[0]}, expected 0 or more")
    names = [str(int(value)) if labels.dtype.kind != "U" else str(value) for value in values]
    order = sorted(range(len(names)), key=lambda i: natural(names[i]))
    position = np.empty(len(names), np.int64)
    position[order] = np.arange(len(names))
    return position[ranks.reshape(-1)], tuple(names[i] for i in order)


def natural(name: str) -> list[str | int]:
    """Return a key that sorts numbers in names by their size.

    Example:
        >>> sorted(["10", "9", "b10", "b9"], key=natural)
        ['9', '10', 'b9', 'b10']
    """
    pieces = re.split("([0-9]+)", name)
    return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)] + [name]
