"""The project's main figure: bounds on the left, samples of every model on the right."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure, FigureBase

from genbench.reporting.figures.grids import Pixels, draw_grid
from genbench.reporting.figures.plots import bound_columns, bound_keys, draw_bounds
from genbench.reporting.figures.style import new_figure
from genbench.results.cells import ProtocolBlock

_MOST_PANELS = 3
_SAMPLES_WIDTH = 4.9
"""Inches for all columns of samples."""
_LETTER_WIDTH = 0.66
"""Of a bold letter, in units of its size."""


def overview(
    title: str,
    blocks: Sequence[ProtocolBlock],
    samples: Mapping[str, Pixels],
    palette: dict[str, str],
) -> Figure | None:
    """Draw the figure, about 1600 pixels wide; None where there is nothing to show."""
    panels = [block for block in blocks if bound_columns(block)][:_MOST_PANELS]
    if not panels and not samples:
        return None
    figure = new_figure(10.7, 5.6)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    if panels and samples:
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.15, 1.1), wspace=0.02)
        _bounds(halves[0], panels, palette)
        _samples(halves[1], samples)
    elif panels:
        _bounds(figure, panels, palette)
    else:
        _samples(figure, samples)
    return figure


def _bounds(figure: FigureBase, panels: Sequence[ProtocolBlock], palette: dict[str, str]) -> None:
    sizes = [sum(any(c.ok for c in row.cells) for row in block.rows) + 2.5 for block in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for place, (axis, block) in enumerate(zip(axes, panels, strict=True)):
        draw_bounds(axis, block, palette)
        axis.set_title(block.protocol.short, fontsize=9, fontweight="normal")
        if place < len(panels) - 1:
            axis.set_xlabel("")
    figure.legend(handles=bound_keys(panels), loc="outside lower left")


def _samples(figure: FigureBase, samples: Mapping[str, Pixels]) -> None:
    columns = 2 if len(samples) <= 4 else (3 if len(samples) <= 9 else 4)
    rows = -(-len(samples) // columns)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (label, grid) in zip(axes, samples.items(), strict=False):
        draw_grid(axis, grid, label)
        room = 72 * _SAMPLES_WIDTH / columns / (_LETTER_WIDTH * len(label))
        axis.set_title(label, fontsize=min(9.0, room))
    for axis in axes[len(samples) :]:
        axis.set_axis_off()
