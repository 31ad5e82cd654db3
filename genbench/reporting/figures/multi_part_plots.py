"""The figures of metrics with parts: curves over K, ranks, stacked bars, threshold sweeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from genbench.core.numbers import minus, plain
from genbench.core.statistics import NORMAL_REACH
from genbench.reporting.figures.lettering import labels_with_room, log_places, name_rows
from genbench.reporting.figures.panels import head, legend_beside, make_room_at_left, new_panel
from genbench.reporting.figures.plots import ROUND
from genbench.reporting.figures.style import INK, MUTED, markers, new_figure
from genbench.reporting.figures.user_plots import short
from genbench.reporting.tables.multi_part_metrics import Cells, MultiPartMetric
from genbench.reporting.tables.ranks import RankedNumber, Ranks
from genbench.results.cells import UNRELIABLE, Cell, words

_PANEL = (3.7, 2.7)
_ESTIMATE = {"color": MUTED, "ls": "--", "lw": 1.3}
_EXACT = {"color": INK, "ls": ":", "lw": 1.6}
_LEAST_SPAN = 0.01
"""Of the axis of a curve, in nats: less than any difference that matters."""
_STACK = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
_HATCHES = ("", "///", "...", "xx")


def curve(cells: Cells, beside: Mapping[str, tuple[Cell, str]], title: str, colour: str) -> Figure:
    """The bound over K on a logarithmic axis, and a horizontal line per number beside it.

    Args:
        cells: The bound by K.
        beside: Other numbers with their kinds, by what they are called.
        title: Above the panel.
        colour: Of the curve.
    """
    figure, axis = new_panel(*_PANEL, title)
    draws = sorted(cells, key=float)
    values = [cells[k].value for k in draws]
    errors = [np.nan_to_num(cells[k].mc_stderr) for k in draws]
    axis.set_xscale("log")
    style: Any = {"color": colour, "marker": "o", "markersize": 4, "capsize": 2}
    axis.errorbar([float(k) for k in draws], values, yerr=errors, **style, label="bound at K")
    for label, (cell, kind) in beside.items():
        look: Any = _EXACT if kind == "exact" else _ESTIMATE
        axis.axhline(cell.value, label=label, **look)
    axis.set(xlabel="K (draws of z)", ylabel="log p(x) (nats)")
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.margins(y=0.12)
    _no_narrower_than(axis, _LEAST_SPAN)
    make_room_at_left(figure, axis)
    ticks_at(axis, [float(k) for k in draws])
    sns.despine(ax=axis)
    axis.legend(loc="lower right", handlelength=2.2)
    return figure


def _no_narrower_than(axis: Any, span: float) -> None:
    """Widen the vertical axis, so that what differs by rounding alone is drawn as equal."""
    low, high = axis.get_ylim()
    if high - low < span:
        middle = (low + high) / 2
        axis.set_ylim(middle - span / 2, middle + span / 2)


def ticks_at(axis: Any, values: Sequence[float]) -> None:
    """Put a tick at each value of a logarithmic axis, with its number where there is room."""
    room = axis.get_position().width * axis.figure.get_figwidth()
    labels = labels_with_room(log_places(values, room), [short(value) for value in values])
    axis.set_xticks(values, labels)
    axis.minorticks_off()


def stacked(shown: MultiPartMetric, xlabel: str) -> Figure:
    """Horizontal bars, one per model, whose parts add up; the sum is written at the end."""
    figure = new_figure(6.4, 1.5 + 0.36 * len(shown.lines))
    axis = figure.subplots()
    for place, (_, cells) in enumerate(shown.lines):
        _bar(axis, place, [cells[p].value if p in cells else 0.0 for p in shown.parts])
    name_rows(axis, [row.label for row, _ in shown.lines])
    axis.set(ylim=(len(shown.lines) - 0.5, -0.5), xlabel=xlabel)
    head(figure, shown.block.protocol.short)
    axis.grid(visible=False, axis="y")
    axis.axvline(0, color=MUTED, lw=0.8)
    axis.margins(x=0.12)
    sns.despine(ax=axis, left=True)
    named = map(shown.shown_as.name, shown.parts)
    keys = [Patch(label=name, **_look(i)) for i, name in enumerate(named)]
    figure.legend(handles=keys, loc="outside lower left", ncols=min(3, len(keys)))
    return figure


def _look(index: int) -> dict[str, Any]:
    colour, hatch = _STACK[index % len(_STACK)], _HATCHES[index % len(_HATCHES)]
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.6}


def _bar(axis: Any, place: int, values: Sequence[float]) -> None:
    ends = {True: 0.0, False: 0.0}  # parts below zero, which noise can make, go to the left
    for index, value in enumerate(values):
        axis.barh([place], [value], left=[ends[value >= 0]], height=0.62, **_look(index))
        ends[value >= 0] += value
    total = minus(plain(sum(values), 3))
    axis.annotate(f" {total}", (ends[True], place), va="center", color=MUTED, fontsize=8.5)


def steps(shown: MultiPartMetric, palette: Mapping[str, str]) -> Figure:
    """Active units over the threshold, a line per model; earlier ones show behind later ones."""
    figure = new_figure(6.4, 3.1)
    axis, marker, keys = figure.subplots(), markers(list(palette)), []
    sizes = np.linspace(9.0, 4.5, len(shown.lines))
    for (row, cells), size in zip(shown.lines, sizes, strict=True):
        places = [p for p in shown.parts if p in cells]
        x, y = [float(p) for p in places], [cells[p].value for p in places]
        look: Any = {"color": palette[row.model], "marker": marker[row.model].shape}
        keys += axis.plot(x, y, markersize=size, alpha=0.9, label=row.label, **look)
    axis.set(
        xscale="log",
        xlabel="threshold on the variance of the code's mean over images",
        ylabel="active units",
    )
    ticks_at(axis, sorted(float(p) for p in shown.parts))
    axis.set_ylim(0, 1.08 * axis.dataLim.ymax or 1.0)
    sns.despine(ax=axis)
    head(figure, shown.block.protocol.short)
    legend_beside(figure, keys)
    return figure


def rank_chart(shown: Ranks, palette: Mapping[str, str]) -> Figure:
    """One panel per estimator with a scale of its own; each number has its rank beside it."""
    n_columns, marker = len(shown.columns), markers(list(palette))
    figure = new_figure(1.6 + 2.5 * n_columns, 1.5 + 0.42 * len(shown.rows))
    axes = figure.subplots(1, n_columns, sharey=True, squeeze=False)[0]
    for index, (axis, column) in enumerate(zip(axes, shown.columns, strict=True)):
        for place, (row, entries) in enumerate(zip(shown.rows, shown.entries, strict=True)):
            _entry(axis, place, entries[index], palette[row.model], marker[row.model].shape)
        axis.set_title(column.record.estimator)
        warned = bool(column.record.warning)
        axis.set_xlabel("nats of a kernel estimate" if warned else f"log p(x) ({column.unit})")
        axis.set_facecolor("#f3f1ec" if warned else "white")
        axis.grid(visible=False, axis="y")
        axis.margins(x=0.3)
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
        sns.despine(ax=axis, left=True)
    name_rows(axes[0], [row.label for row in shown.rows])
    axes[0].set_ylim(len(shown.rows) - 0.5, -0.6)
    return figure


def _entry(axis: Any, y: int, entry: RankedNumber | None, colour: str, marker: str) -> None:
    if entry is None:
        axis.annotate("n/a", (0.5, y), xycoords=("axes fraction", "data"), color=MUTED, va="center")
        return
    hollow = entry.cell.kind == "estimate"
    look: Any = {"color": colour, "markerfacecolor": "white" if hollow else colour, "capsize": 2.5}
    error = NORMAL_REACH * np.nan_to_num(entry.stderr)
    axis.errorbar(entry.value, y, xerr=error, fmt=marker, markersize=6, **look)
    known = f"rank {entry.rank_text}" if entry.rank_text else words(entry.cell.kind)
    words_above = f"{known} {UNRELIABLE}" if entry.cell.unreliable else known
    place: Any = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
    axis.annotate(words_above, (entry.value, y), fontsize=8, color=INK, **place)
