"""The project's main figure: bounds on the left, samples of every model on the right."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure, FigureBase

from genbench.reporting.figures.grids import Pixels, draw_grid, reduced
from genbench.reporting.figures.lettering import fitted
from genbench.reporting.figures.panels import title_of
from genbench.reporting.figures.plots import bound_columns, bound_keys, draw_bounds
from genbench.reporting.figures.style import new_figure
from genbench.results.cells import ProtocolBlock

_MOST_PANELS = 3
_TITLE_WIDTH = 3.2
"""Inches for the title of a panel of bounds."""
_SAMPLES_WIDTH = 4.9
"""Inches for all columns of samples."""


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
    figure = new_figure(10.7, _height(panels, samples))
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


def _size(block: ProtocolBlock) -> float:
    """Height of a panel of bounds, in rows."""
    return sum(any(cell.ok for cell in row.cells) for row in block.rows) + 2.5


def _height(panels: Sequence[ProtocolBlock], samples: Mapping[str, Pixels]) -> float:
    """Height in inches that leaves each row of a panel and of samples legible."""
    columns = _columns(len(samples))
    lines = -(-len(samples) // columns)
    by_samples = 0.6 + lines * (_SAMPLES_WIDTH / columns + 0.3)
    return max(5.6, 1.6 + 0.19 * sum(map(_size, panels)), by_samples)


def _columns(n_models: int) -> int:
    return next((columns for columns in (2, 3, 4) if n_models <= columns**2), 5)


def _bounds(figure: FigureBase, panels: Sequence[ProtocolBlock], palette: dict[str, str]) -> None:
    sizes = [_size(block) for block in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for place, (axis, block) in enumerate(zip(axes, panels, strict=True)):
        draw_bounds(axis, block, palette, lines=1)
        words, size = fitted(block.protocol.short, _TITLE_WIDTH, 9.0)
        axis.set_title(words, fontsize=size, fontweight="normal")
        if place < len(panels) - 1:
            axis.set_xlabel("")
    figure.legend(handles=bound_keys(panels), loc="outside lower left")


def _samples(figure: FigureBase, samples: Mapping[str, Pixels]) -> None:
    columns = _columns(len(samples))
    rows = -(-len(samples) // columns)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (label, grid) in zip(axes, samples.items(), strict=False):
        draw_grid(axis, reduced(grid), label)
        title_of(axis, label, _SAMPLES_WIDTH / columns - 0.1, 9.0)
    for axis in axes[len(samples) :]:
        axis.set_axis_off()
