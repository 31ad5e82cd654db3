"""Likelihood against sample quality: one point a model, one panel a protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from genbench.core.statistics import NORMAL_REACH
from genbench.reporting.figures.lettering import fitted
from genbench.reporting.figures.panels import legend_beside
from genbench.reporting.figures.plots import ROUND
from genbench.reporting.figures.style import MUTED, Marker, markers, new_figure
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock
from genbench.results.headline import CLAIMS, detail_place, headline

_WIDTH, _NARROW, _HEIGHT = 3.4, 1.5, 4.0
"""Of a panel, of the one without likelihoods, and of all, in inches."""
_TITLE = 8.5
_FAR, _LEAST = 10, 1e-9
"""How far above the middle value one must lie for a logarithmic axis."""


@dataclass(frozen=True)
class Point:
    """A model's sample quality, and its likelihood where it has one."""

    row: ModelRow
    quality: Cell
    likelihood: Cell | None


@dataclass(frozen=True)
class TradeOff:
    """What the figure shows.

    Attributes:
        column: Of sample quality, the same in every panel.
        panels: The models with a likelihood, by the title of their protocol.
        others: Those without.
        unit: Of the likelihoods.
    """

    column: Column
    panels: Mapping[str, tuple[Point, ...]]
    others: tuple[Point, ...]
    unit: str


def trade_off(blocks: Sequence[ProtocolBlock]) -> TradeOff | None:
    """Return what there is to show: sample quality is one scale for all protocols of a data set.

    None where fewer than two models have both numbers, or where panels have other scales.
    """
    places = [(block, detail_place(block, "samples")) for block in blocks]
    known = [(block, place) for block, place in places if place is not None]
    if len({(b.dataset, b.columns[i].key) for b, i in known}) != 1:
        return None
    points = {block.protocol.short: _points(block, place) for block, place in known}
    panels = {
        title: both for title, all_ in points.items() if (both := [p for p in all_ if p.likelihood])
    }
    if sum(map(len, panels.values())) < 2:
        return None
    others = [p for all_ in points.values() for p in all_ if not p.likelihood]
    block, place = known[0]
    unit = next(n[0].unit for b, _ in known for row in b.rows if (n := headline(b, row)))
    return TradeOff(
        block.columns[place], {k: tuple(v) for k, v in panels.items()}, tuple(others), unit
    )


def _points(block: ProtocolBlock, place: int) -> list[Point]:
    return [
        Point(row, row.cells[place], _likelihood(block, row))
        for row in block.rows
        if row.cells[place].ok
    ]


def _likelihood(block: ProtocolBlock, row: ModelRow) -> Cell | None:
    number = headline(block, row)
    return number[1] if number and number[1].kind in CLAIMS else None


def draw_trade_off(shown: TradeOff, palette: Mapping[str, str]) -> Figure:
    """Draw one panel a protocol, side by side with one scale of sample quality, and a legend."""
    widths = [_WIDTH] * len(shown.panels) + [_NARROW] * bool(shown.others)
    figure = new_figure(sum(widths) + 1.9, _HEIGHT)
    axes = figure.subplots(1, len(widths), sharey=True, squeeze=False, width_ratios=widths)[0]
    marker = markers(list(palette))
    _scale(axes[0], shown)
    for axis, (title, points) in zip(axes, shown.panels.items(), strict=False):
        for point in points:
            _draw(axis, point, palette, marker)
        axis.set_xlabel(f"log-likelihood of a test image ({shown.unit})")
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
        _title(axis, title, _WIDTH)
    if shown.others:
        _draw_others(axes[-1], shown.others, palette, marker)
    every = [*(p for points in shown.panels.values() for p in points), *shown.others]
    legend_beside(figure, _keys(every, palette, marker))
    return figure


def _draw_others(
    axis: Any,
    points: Sequence[Point],
    palette: Mapping[str, str],
    marker: Mapping[str, Marker],
) -> None:
    """Put the models without a likelihood side by side, in the order of the table."""
    for place, point in enumerate(points):
        _draw(axis, point, palette, marker, place)
    axis.set_xticks([])
    axis.set_xlim(-0.7, len(points) - 0.3)
    _title(axis, "no likelihood", _NARROW)


def _draw(
    axis: Any,
    point: Point,
    palette: Mapping[str, str],
    marker: Mapping[str, Marker],
    place: float | None = None,
) -> None:
    """Draw a model with its 95 % intervals; controls are hollow."""
    likelihood, model = point.likelihood, point.row.model
    axis.errorbar(
        likelihood.value if likelihood else place,
        point.quality.value,
        xerr=_reach(likelihood) if likelihood else None,
        yerr=_reach(point.quality),
        color=palette[model],
        fmt=marker[model].shape,
        markerfacecolor="white" if point.row.control else palette[model],
        markersize=6.5,
        capsize=2.5,
        linewidth=1.2,
    )


def _reach(cell: Cell) -> float:
    return NORMAL_REACH * cell.stderr if np.isfinite(cell.stderr) else 0.0


def _scale(axis: Any, shown: TradeOff) -> None:
    """Name the axis of sample quality; values that differ by orders stand on a logarithmic one.

    Around 0, where a distance without bias may be negative, it is linear.
    """
    points = [*(p for points in shown.panels.values() for p in points), *shown.others]
    size = np.abs([point.quality.value for point in points])
    middle = max(float(np.median(size)), _LEAST)
    if size.max() > _FAR * middle:
        axis.set_yscale("symlog", linthresh=10.0 ** np.floor(np.log10(middle)))
        axis.yaxis.set_major_formatter(FuncFormatter(_plain))
    record = shown.column.record
    words = f"{record.short or record.name} ({shown.column.settings}) {shown.column.arrow}"
    axis.set_ylabel(words.replace(" ()", ""))
    axis.margins(y=0.06)


def _plain(value: float, _: int) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _title(axis: Any, title: str, width: float) -> None:
    words, size = fitted(title, width - 0.2, _TITLE)
    axis.set_title(words, fontsize=size, fontweight="normal")


def _keys(
    points: Sequence[Point], palette: Mapping[str, str], marker: Mapping[str, Marker]
) -> list[Line2D]:
    """Legend entries, each model once."""
    rows = {point.row.model: point.row for point in points}
    return [
        Line2D(
            [], [], ls="", marker=marker[model].shape, color=palette.get(model, MUTED),
            markerfacecolor="white" if row.control else palette[model], label=row.label,
        )
        for model, row in rows.items()
    ]  # fmt: skip
