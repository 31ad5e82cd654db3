"""How wide words are, and how they are made to fit where they stand."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from genbench.reporting.figures.style import INK, LABEL_SIZE

LINE = 1.25
"""Height of a line, in units of the size of its letters."""
NAME_ROOM = 1.9
"""Inches for the names of rows."""
_PIECE = re.compile(r"[^\s_+,/(-]*[\s_+,/(-]*")


@lru_cache(maxsize=4096)
def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text, in inches."""
    font = FontProperties(size=size, weight="bold" if bold else "normal", family="DejaVu Sans")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def fitted(
    text: str, room: float, size: float, *, bold: bool = False, lines: int = 3
) -> tuple[str, float]:
    """Wrap a text to ``room`` inches, between words or parts of a name; return it with its size.

    The letters get smaller where a part is too wide, or where there are too many lines.
    """
    while True:
        rows = _wrapped(text, room, size, bold)
        widest = max(width_of(row, size, bold=bold) for row in rows)
        if size < 3 or (widest <= room and len(rows) <= lines):
            return "\n".join(rows), size
        size *= min(0.94, room / widest)


def _wrapped(text: str, room: float, size: float, bold: bool) -> list[str]:
    rows = [""]
    for piece in _PIECE.findall(text):
        if rows[-1] and width_of((rows[-1] + piece).rstrip(), size, bold=bold) > room:
            rows.append("")
        rows[-1] += piece
    return [row.rstrip() for row in rows]


def height_of(text: str, size: float) -> float:
    """Return the height of a text of one or more lines, in inches."""
    return (text.count("\n") + 1) * LINE * size / 72


def name_rows(axis: Any, names: Sequence[str], lines: int = 2) -> None:
    """Write the names of rows, the first at the top, at the left of an axis."""
    shown = [fitted(name, NAME_ROOM, LABEL_SIZE, lines=lines) for name in names]
    axis.set_yticks(range(len(names)), [words for words, _ in shown], color=INK)
    for label, (_, size) in zip(axis.get_yticklabels(), shown, strict=True):
        label.set_fontsize(size)
        label.set_linespacing(1.0)


def labels_with_room(places: Sequence[float], labels: Sequence[str]) -> list[str]:
    """Empty the labels of ticks that would touch; the outer ones stay, then the shortest.

    Args:
        places: Where the ticks stand, in inches, sorted.
        labels: Their labels.
    """
    halves = [width_of(label, LABEL_SIZE) / 2 + 0.03 for label in labels]
    kept: list[int] = []
    ends = {0, len(labels) - 1}
    for i in sorted(
        range(len(labels)), key=lambda i: (i not in ends, len(labels[i].strip("0")), i)
    ):
        if all(abs(places[i] - places[k]) >= halves[i] + halves[k] for k in kept):
            kept.append(i)
    return [label if i in kept else "" for i, label in enumerate(labels)]


def log_places(values: Sequence[float], room: float, margin: float = 0.05) -> list[float]:
    """Return where values stand on a logarithmic axis of ``room`` inches with its margins."""
    logs = np.log10(values)
    span = max(float(np.ptp(logs)), 1e-9)
    return [float(v) for v in room * (margin + (logs - logs[0]) / span) / (1 + 2 * margin)]
