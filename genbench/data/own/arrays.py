"""Reads named arrays: those of an ``.npz``, the one of an ``.npy``, or a plug-in's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.core.memory import require_memory
from genbench.data.own.images import AS_IT_IS, PARTS, OwnImages, Reading
from genbench.data.own.labels import ranked
from genbench.data.own.layout import channels_first, layout_of
from genbench.data.own.levels import as_levels

Arrays = Mapping[str, NDArray[Any]]
WHOLE = ("arr_0", "images", "x", "data")
LABELS = ("labels", "y")
N_LEVELS = "n_levels"
VIEWS = 6
"""Bytes per value that training holds: the levels and their views as floats."""


def read_arrays(arrays: Arrays, source: str, reading: Reading = AS_IT_IS) -> OwnImages:
    """Read images, and labels where there are any.

    Args:
        arrays: ``x_train``, ``x_test`` and perhaps ``x_validation`` with ``y_...``; or one of
            ``arr_0``, ``images``, ``x``, ``data`` with ``labels`` or ``y``.
        source: Where they are from, for messages.
        reading: What the arrays don't say themselves.

    Raises:
        DataError: They can't be read without guessing.
    """
    parts = images_of(arrays, source)
    images = [np.asarray(arrays[name]) for name in parts]
    shapes = {image.shape[1:] for image in images}
    if len(shapes) > 1:
        raise DataError(f"{source}: images of different shapes: {sorted(shapes)}")
    layout = layout_of(images[0].shape, reading.layout, f"{source}: {next(iter(parts))}")
    n_values = sum(image.size for image in images)
    if not n_values:
        raise DataError(f"{source}: no images")
    require_memory(VIEWS * n_values, source, error=DataError)
    levels, n_levels = as_levels(images, reading.levels or _n_levels(arrays), source)
    labels, classes = _labels(arrays, parts, source)
    return OwnImages(
        source,
        np.concatenate([channels_first(part, layout) for part in levels]),
        labels,
        classes,
        np.repeat(np.array(list(parts.values()), np.uint8), [len(image) for image in images]),
        n_levels,
        (),
    )


def images_of(arrays: Arrays, source: str) -> dict[str, int]:
    """Return the names of the arrays of images, with the numbers of their parts."""
    divided = {f"x_{name}": part for name, part in PARTS.items() if f"x_{name}" in arrays}
    whole = {name: 0 for name in WHOLE if name in arrays}
    if len(whole) == 1 and not divided:
        return whole
    if divided and not whole:
        return divided
    raise DataError(f"{source}: holds {', '.join(arrays)}; expected x_train, x_test or x")


def _labels(
    arrays: Arrays, parts: Mapping[str, int], source: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = [name.replace("x_", "y_") for name in parts if name.startswith("x_")] or [
        name for name in LABELS if name in arrays
    ]
    if not any(name in arrays for name in names):
        return np.zeros(sum(len(arrays[name]) for name in parts), np.int64), ()
    for images, labels in zip(parts, names, strict=True):
        if arrays[labels].reshape(-1).shape != (len(arrays[images]),):
            raise DataError(
                f"{source}: {labels} has shape {arrays[labels].shape}, but {images} has "
                f"{len(arrays[images])} images"
            )
    return ranked(np.concatenate([arrays[name].reshape(-1) for name in names]), source)


def _n_levels(arrays: Arrays) -> int | None:
    return int(arrays[N_LEVELS]) if N_LEVELS in arrays else None
