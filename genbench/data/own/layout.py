"""The order of an array's axes: images, height, width, channels."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.data.own.images import LayoutName

CHANNELS = (1, 3)
_AXIS = {"NHWC": 3, "NCHW": 1}


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
    return f"{height} x {width} pixels, {channels} channel{'s' if channels > 1 else ''}"


def _why_not(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        side = round(shape[1] ** 0.5)
        sides = f"{side}, {side}" if side**2 == shape[1] else "height, width"
        return f"is flat; say which pixels are neighbours with x.reshape(-1, {sides})"
    if len(shape) == 4 and 4 in (shape[1], shape[3]):
        index = "..., :3" if shape[3] == 4 else ":, :3"
        return f"has 4 channels, expected 1 or 3; leave transparency out with x[{index}]"
    return "is none of (N, H, W), (N, H, W, C) and (N, C, H, W) with 1 or 3 channels"
