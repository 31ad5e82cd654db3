"""Labels are the rank of their class, whatever they are called."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.data.own.limits import MAX_NAME, is_plain, refused

MAX_CLASSES = 1_000

Ranks = tuple[NDArray[np.int64], tuple[str, ...]]


def ranked(labels: NDArray[Any], source: str) -> Ranks:
    """Return the rank of each label (N,), and the names of the classes in natural order.

    Raises:
        DataError: Labels are neither integers nor names, or there are too many.

    Example:
        >>> ranked(np.array(["10", "9", "10"]), "x.npz")
        (array([1, 0, 1]), ('9', '10'))
    """
    values, ranks = np.unique(labels, return_inverse=True)
    if len(values) > MAX_CLASSES:
        raise DataError(
            f"{source}: {len(values)} different labels, expected at most {MAX_CLASSES}; "
            "leave out what is no class"
        )
    with refused(source, "labels can't be read"):
        names = [str(value) for value in values.tolist()]
    require_names(names, source)
    order = sorted(range(len(names)), key=lambda i: natural(names[i]))
    position = np.empty(len(names), np.int64)
    position[order] = np.arange(len(names))
    return position[ranks.reshape(-1)], tuple(names[i] for i in order)


def joined(arrays: Sequence[NDArray[Any]], source: str) -> NDArray[Any]:
    """Return the labels of several parts as one array of integers or names."""
    kinds = {array.dtype.kind in "bui" for array in arrays}
    odd = [array.dtype for array in arrays if array.dtype.kind not in "buiU"]
    if odd or len(kinds) > 1:
        found = str(odd[0] if odd else "integers and names")[:40]
        raise DataError(f"{source}: labels are {found}, expected integers; try y.astype(int)")
    if not all(kinds):
        return np.concatenate(arrays)
    return np.concatenate([_integers(array, source) for array in arrays])


def _integers(labels: NDArray[Any], source: str) -> NDArray[np.int64]:
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > np.iinfo(np.int64).max:
        odd = lowest if lowest < 0 else highest
        raise DataError(f"{source}: a label is {odd}, expected 0 or more; leave such images out")
    return labels.astype(np.int64, copy=False)


def require_names(names: Sequence[str], source: str) -> None:
    """Check that names of classes can be printed.

    Raises:
        DataError: One is empty, too long or has control characters.
    """
    for name in names:
        if not name.strip() or len(name) > MAX_NAME or not is_plain(name):
            raise DataError(
                f"{source}: a class is called {name[:MAX_NAME]!a}; expected 1 to {MAX_NAME} "
                "letters, without control characters"
            )


def natural(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts numbers in names by their size.

    Example:
        >>> sorted(["10", "9", "b10", "b9", "b", "09"], key=natural)
        ['09', '9', '10', 'b', 'b9', 'b10']
    """
    pieces = re.split("([0-9]+)", name)
    return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)], name
