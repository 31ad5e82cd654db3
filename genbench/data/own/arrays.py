"""Reads named arrays: those of an ``.npz``, the one of an ``.npy``, or a plug-in's."""

from collections.abc import Collection, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.core.texts import noun
from genbench.data.own.images import AS_IT_IS, LayoutName, OwnImages, Reading, Size
from genbench.data.own.labels import joined, ranked
from genbench.data.own.levels import Levels, as_levels
from genbench.data.own.limits import quiet, refused, require_room, shown
from genbench.data.own.parts import PARTS, division, require_train
from genbench.data.own.pictures import FILTER, require_all_levels, scaled

Named = Mapping[str, NDArray[Any]]
WHOLE = ("arr_0", "images", "x", "data")
LABELS = ("labels", "y")
N_LEVELS = "n_levels"
"""The number of levels, where an export of ours wrote it."""
CHANNELS = (1, 3)
_AXIS = {"NHWC": 3, "NCHW": 1}
_EXPECTED = "expected x_train and x_test, or one of arr_0, images, x and data"


def read_arrays(arrays: Named, source: str, reading: Reading = AS_IT_IS) -> OwnImages:
    """Read images, and labels where there are any.

    Args:
        arrays: ``x_train``, ``x_test`` and perhaps ``x_validation`` with ``y_...``; or one of
            ``arr_0``, ``images``, ``x``, ``data`` with ``labels`` or ``y``.
        source: Where they are from, for messages.
        reading: What the arrays don't say themselves.

    Raises:
        DataError: They can't be read without guessing.
    """
    parts = parts_of(arrays, source)
    with quiet():
        images = {name: _array(arrays[name], f"{source}: {name}") for name in parts}
        views, notes = _channels_first(images, reading, source)
        sizes = {name: len(view) for name, view in zip(parts, views, strict=True)}
        labels, classes = _labels(arrays, sizes, source)
        require_room(sum(sizes.values()), _shape(views, reading.resize), source)
        levels = as_levels(views, _stated(arrays, reading, source), source)
        pixels, resized = _whole(levels, reading.resize, source)
    numbers, divided = division(list(parts.values()))
    given = np.array([numbers[part] for part in parts.values()], np.uint8)
    return OwnImages(
        source,
        pixels,
        labels,
        classes,
        np.repeat(given, list(sizes.values())),
        levels.n_levels,
        (*notes, levels.note, *resized, *divided),
    )


def parts_of(names: Collection[str], source: str) -> dict[str, int]:
    """Return which of these names are images, and of which part.

    Raises:
        DataError: None of them, or it can't be said which.
    """
    divided = {f"x_{name}": part for name, part in PARTS.items() if f"x_{name}" in names}
    whole = dict.fromkeys((name for name in WHOLE if name in names), 0)
    require_train(list(divided.values()), source)
    if len(whole) + bool(divided) != 1:
        held = ", ".join(map(shown, [*divided, *whole] or list(names)[:8])) or "nothing"
        raise DataError(f"{source}: holds {held}; {_EXPECTED}")
    return divided or whole


def labels_of(names: Collection[str], images: Collection[str], source: str) -> list[str]:
    """Return which of these names are the labels of arrays of images, in the same order.

    Raises:
        DataError: Only some of the images have labels, or two arrays are labels.
    """
    if any(image in WHOLE for image in images):
        found = [name for name in LABELS if name in names]
        if len(found) > 1:
            raise DataError(f"{source}: holds labels twice, as {' and '.join(found)}; keep one")
        return found
    wanted = [f"y_{image.removeprefix('x_')}" for image in images]
    missing = [name for name in wanted if name not in names]
    if missing and len(missing) < len(wanted):
        raise DataError(f"{source}: has no {', '.join(missing)}; labels are for all parts or none")
    return [] if missing else wanted


def _array(values: object, name: str) -> NDArray[Any]:
    with refused(name, "not an array"):
        return np.asarray(values)


def _channels_first(
    images: Named, reading: Reading, source: str
) -> tuple[list[NDArray[Any]], list[str]]:
    """Return views (N, C, H, W), and how each array is read."""
    views, notes = [], []
    for name, array in images.items():
        layout = layout_of(array.shape, reading.layout, f"{source}: {name}")
        if not array.size:
            raise DataError(f"{source}: {name} has no images, its shape is {array.shape}")
        views.append(channels_first(array, layout))
        notes.append(f"{name} {array.shape} is read as ({', '.join(layout)}).")
    shapes = {view.shape[1:] for view in views}
    if len(shapes) > 1:
        found = " and ".join(f"{name} {array.shape}" for name, array in images.items())
        raise DataError(f"{source}: images of different shapes: {found}")
    return views, notes


def _labels(
    arrays: Named, sizes: Mapping[str, int], source: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = labels_of(arrays, sizes, source)
    if not names:
        return np.zeros(sum(sizes.values()), np.int64), ()
    labels = []
    for name, (images, n) in zip(names, sizes.items(), strict=True):
        held = _array(arrays[name], f"{source}: {name}")
        if held.shape not in ((n,), (n, 1)):
            one_hot = f"; try {name}.argmax(1)" if held.ndim == 2 and len(held) == n else ""
            raise DataError(
                f"{source}: {name} has the shape {held.shape}, expected ({n},) as {images} has "
                f"{n} images{one_hot}"
            )
        labels.append(held.reshape(-1))
    return ranked(joined(labels, source), source)


def _stated(arrays: Named, reading: Reading, source: str) -> int | None:
    """Return the number of levels, as stated by the reader or the file."""
    if N_LEVELS not in arrays:
        return reading.levels
    written = _array(arrays[N_LEVELS], f"{source}: {N_LEVELS}")
    if written.shape or written.dtype.kind not in "ui" or not 2 <= int(written) <= 256:
        raise DataError(f"{source}: {N_LEVELS} is not a number from 2 to 256")
    if reading.levels not in (None, int(written)):
        raise DataError(f"{source}: has {written} levels, not {reading.levels}; leave `levels` out")
    return int(written)


def _shape(views: list[NDArray[Any]], resize: Size | None) -> tuple[int, int, int]:
    channels, height, width = views[0].shape[1:]
    return (channels, *(resize or (height, width)))


def _whole(levels: Levels, resize: Size | None, source: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Return all images as one array, scaled if that is asked for, and how."""
    parts, shape = levels.arrays, _shape(levels.arrays, resize)
    pixels = np.empty((sum(map(len, parts)), *shape), np.uint8)
    if shape == parts[0].shape[1:]:
        return np.concatenate(parts, out=pixels), []
    require_all_levels(levels.n_levels, source)
    images = (image for part in parts for image in part)
    for i, image in enumerate(images):
        pixels[i] = scaled(image, shape[1:])
    height, width = parts[0].shape[2:]
    return pixels, [f"Scaled from {height} x {width} to {shape[1]} x {shape[2]}, {FILTER}."]


def layout_of(shape: tuple[int, ...], stated: LayoutName | None, source: str) -> LayoutName:
    """Return how a shape is read.

    Raises:
        DataError: It is no shape of images, or can be read in two ways.

    Example:
        >>> layout_of((100, 32, 32, 3), None, "x.npy")
        'NHWC'
    """
    readings = _readings(shape)
    if not readings:
        raise DataError(f"{source}: shape {shape} {_why_not(shape)}")
    if stated and stated not in readings:
        raise DataError(
            f"{source}: layout '{stated}' does not fit the shape {shape}, '{readings[0]}' does"
        )
    if stated or len(readings) == 1:
        return stated or readings[0]
    ways = " or ".join(f"'{name}' ({_said(shape, name)})" for name in readings)
    raise DataError(f"{source}: shape {shape} can be read as {ways}; state which with `layout`")


def channels_first(images: NDArray[Any], layout: LayoutName) -> NDArray[Any]:
    """Return a view (N, C, H, W)."""
    if layout == "NHW":
        return images[:, None]
    return images if layout == "NCHW" else np.moveaxis(images, 3, 1)


def _readings(shape: tuple[int, ...]) -> list[LayoutName]:
    if len(shape) == 3:
        return ["NHW"]
    names = [name for name, i in _AXIS.items() if len(shape) == 4 and shape[i] in CHANNELS]
    return cast(list[LayoutName], names)


def _said(shape: tuple[int, ...], layout: LayoutName) -> str:
    channels = shape[_AXIS[layout]]
    height, width = (side for i, side in enumerate(shape) if i not in (0, _AXIS[layout]))
    return f"{height} x {width} pixels, {channels} {noun(channels, 'channel')}"


def _why_not(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        side = round(shape[1] ** 0.5)
        sides = f"{side}, {side}" if side**2 == shape[1] else "height, width"
        return f"is flat; say which pixels are neighbours with x.reshape(-1, {sides})"
    if len(shape) == 4 and 4 in (shape[1], shape[3]):
        index = "..., :3" if shape[3] == 4 else ":, :3"
        return f"has 4 channels, expected 1 or 3; leave transparency out with x[{index}]"
    return "is none of (N, H, W), (N, H, W, C) and (N, C, H, W) with 1 or 3 channels"
