"""Figures with one axis of a fixed place, which is quicker than finding it, and titles that fit."""

from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genbench.reporting.figures.lettering import fitted, height_of, width_of
from genbench.reporting.figures.style import TITLE_SIZE

_EDGE = 0.1
_BOTTOM = 0.5
_LEGEND_ROOM, _LEGEND_SIZE = 1.8, 8.5
_HIGHEST = 5.4
"""Height in inches up to which a figure grows before its legend has a second column."""


def new_panel(width: float, height: float, title: str, right: float = 0.12) -> tuple[Figure, Any]:
    """A figure with one axis, 0.72 inches from the left; a long title makes it higher."""
    left = 0.72
    words, size = fitted(title, width - left - 0.35, TITLE_SIZE, bold=True)
    whole = height - height_of("", TITLE_SIZE) + height_of(words, size)
    figure = Figure(figsize=(width, whole))
    FigureCanvasAgg(figure)
    place = (left / width, _BOTTOM / whole, 1 - (left + right) / width, (height - 0.82) / whole)
    axis = figure.add_axes(place)
    axis.set_title(words, fontsize=size)
    return figure, axis


def make_room_at_left(figure: Figure, axis: Any) -> None:
    """Move the left end of an axis to the right, where its numbers and its label need it."""
    box = axis.yaxis.get_tightbbox(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    lacking = 0.04 - box.x0 / figure.bbox.width
    if lacking > 0.03:
        place = axis.get_position()
        axis.set_position((place.x0 + lacking, place.y0, place.width - lacking, place.height))


def new_framed(
    width: float, height: float, title: str, left: float, bottom: float
) -> tuple[Figure, Any]:
    """A figure with one axis of a size in inches, and room for words at its left and below."""
    words, size = fitted(title, left + width - _EDGE, TITLE_SIZE, bold=True)
    whole = left + width + _EDGE, bottom + height + 0.14 + height_of(words, size)
    figure = Figure(figsize=whole)
    FigureCanvasAgg(figure)
    place = (left / whole[0], bottom / whole[1], width / whole[0], height / whole[1])
    head(figure, title)
    return figure, figure.add_axes(place)


def head(figure: Figure, title: str) -> None:
    """Write a title above a figure, from its left edge on."""
    width = figure.get_figwidth()
    words, size = fitted(title, width - 2 * _EDGE, TITLE_SIZE, bold=True)
    figure.suptitle(words, x=_EDGE / width, ha="left", fontsize=size, fontweight="bold")


def title_of(axis: Any, title: str, room: float, size: float = TITLE_SIZE) -> None:
    """Write a title above an axis of ``room`` inches."""
    words, fitting = fitted(title, room, size, bold=True)
    axis.set_title(words, fontsize=fitting)


def legend_beside(figure: Figure, keys: Sequence[Line2D], title: str = "") -> None:
    """Put a legend at the right of a figure, which grows by what the legend needs."""
    shown = [fitted(str(key.get_label()), _LEGEND_ROOM, _LEGEND_SIZE) for key in keys]
    for key, (words, _) in zip(keys, shown, strict=True):
        key.set_label(words)
    size = min(size for _, size in shown)
    high = sum(height_of(words, size) + 0.06 for words, _ in shown) + 0.4
    width, height = figure.get_size_inches()
    height = max(height, min(high, _HIGHEST))
    columns = -(-high // height)
    widest = max(width_of(line, size) for words, _ in shown for line in words.splitlines())
    figure.set_size_inches(width + max(0.0, columns * (widest + 0.6) - 1.9), height)
    look = {"ncols": int(columns), "fontsize": size, "handlelength": 2.4}
    figure.legend(handles=keys, loc="outside right upper", title=title or None, **look)
