"""Interactive charts as data, which ``script/charts.js`` draws: likelihoods, bounds over K, losses.

A point is ``[x, y, low, high, *lines of its hint]``; what comes after ``y`` may be missing.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.core.statistics import NORMAL_REACH
from genbench.reporting.figures.style import colours, markers
from genbench.reporting.page.leaderboard import Axis
from genbench.reporting.tables.multi_part_metrics import MultiPartMetric, multi_part_metric
from genbench.results.cells import Cell, Column, ModelRow, words
from genbench.results.leaderboard import SIGNS, Leaderboard
from genbench.results.leaderboard import Entry as LeaderboardEntry
from genbench.results.suite import StoredSuite

Series = dict[str, Any]
Point = list[Any]

_ROW, _MARGINS, _HEIGHT = 26, 76, 340  # pixels
_DIGITS = 6
_VALIDATION, _SECOND = [6, 3], [2, 3]
_TURNED = {"low": -90, "high": 90}


@dataclass(frozen=True)
class Chart:
    """A chart of the page: ``data`` is what the script draws."""

    name: str
    title: str
    caption: str
    data: dict[str, Any]


class _Pen:
    """Gives each model its colour and shape."""

    def __init__(self, models: Sequence[str]) -> None:
        self.colours, self.shapes = colours(models), markers(models)

    def series(self, model: str, label: str, points: Sequence[Point], **style: Any) -> Series:
        shape = self.shapes[model]
        look = {"line": False, "hollow": False, "dash": []} | style
        return {
            "model": model, "label": label, "colour": self.colours[model],
            "marker": shape.chart, "rotation": shape.rotation, "points": list(points), **look,
        }  # fmt: skip


def likelihood_charts(suite: StoredSuite) -> list[Chart]:
    """The leaderboard of each protocol that compares models, then the bounds over K."""
    pen = _Pen(suite.models)
    boards = (
        _leaderboard(board, f"likelihood-{place}", pen)
        for place, board in enumerate(suite.leaderboards, 1)
    )
    return [*(chart for chart in boards if chart), *_curves(suite, pen)]


def training_charts(suite: StoredSuite) -> list[Chart]:
    """The loss of each epoch, a chart per protocol, a seed per model."""
    pen = _Pen(suite.models)
    by_protocol: dict[str, list[Series]] = {}
    for model, protocol, history in _histories(suite):
        by_protocol.setdefault(protocol, []).extend(_losses(model, history, pen))
    caption = (
        "Mean loss of each epoch, as the optimiser saw it; dashed: on the validation images. Each"
        " model minimises a loss of its own, so read the shape of a curve, not its height against"
        " another model's."
    )
    return [
        _lines(f"training-{place}", f"Loss, {Protocol.parse(protocol).short}", caption, "epoch",
               "loss", series)
        for place, (protocol, series) in enumerate(by_protocol.items(), 1)
        if series
    ]  # fmt: skip


def _leaderboard(board: Leaderboard, name: str, pen: _Pen) -> Chart | None:
    shown = [entry for entry in board.entries if entry.cell]
    if len(shown) < 2:
        return None
    intervals = [entry.interval for entry in shown if entry.interval]
    axis = Axis.of(intervals) if intervals else None
    series = [_of_entry(entry, axis, board.unit, pen) for entry in shown]
    caption = (
        "Further right is better. Filled: exact; hollow: a lower bound, the true value lies at it"
        " or to its right. Bars are 95 % intervals over the test images."
        " An arrowhead at the edge: the value lies beyond it."
    )
    title = f"Log-likelihood, {board.block.protocol.short}"
    data = {
        "x": {"type": "linear", "title": f"log-likelihood of a test image ({board.unit})"},
        "y": {"type": "category", "labels": [entry.row.label for entry in shown]},
        "values": "x",
        "height": _MARGINS + _ROW * len(shown),
        "series": series,
    }
    return Chart(name, title, caption, data)


def _of_entry(entry: LeaderboardEntry, axis: Axis | None, unit: str, pen: _Pen) -> Series:
    """One model's number; an arrowhead at the end of the axis where it lies beyond."""
    column, cell, row = entry.column, entry.cell, entry.row
    if column is None or cell is None:
        raise ValueError(f"{row.label} has no headline number")
    value, (low, high) = cell.value, entry.interval or (None, None)
    style: Series = {"hollow": cell.kind != "exact"}
    beyond = axis.bar(entry.interval).beyond if axis and entry.interval else ""
    if axis and beyond:
        value, low, high = axis.low if beyond == "low" else axis.high, None, None
        style |= {"marker": "triangle", "rotation": _TURNED[beyond]}
    lines = (f"{numbers.minus(entry.text)} {unit}", *_about(column, cell), *entry.warnings)
    point = [_rounded(value), row.label, _rounded(low), _rounded(high), *lines]
    return pen.series(row.model, row.label, [point], **style)


def _about(column: Column, cell: Cell) -> Iterator[str]:
    """Kind, options, size and errors of a number, a line each."""
    yield ", ".join(filter(None, (words(cell.kind), column.settings)))
    yield f"n = {numbers.grouped(cell.n)}"
    yield from filter(None, (cell.mc_text, cell.seeds_text))


def _curves(suite: StoredSuite, pen: _Pen) -> Iterator[Chart]:
    metrics = [m for m in suite.metrics.values() if m.parts and m.plot == "curve"]
    for metric in metrics:
        found = (multi_part_metric(suite.rows, block, metric) for block in suite.blocks)
        shown = [entry for entry in found if entry and entry.is_numbered]
        for place, entry in enumerate(shown, 1):
            yield _curve(entry, f"{metric.name.replace('_', '-')}-{place}", pen)


def _curve(shown: MultiPartMetric, name: str, pen: _Pen) -> Chart:
    parts = [part for part in shown.parts if float(part) > 0]
    series = [
        pen.series(row.model, row.label, list(_over_k(shown, row, parts)), line=True)
        for row, _ in shown.lines
    ]
    title = f"{shown.column.record.title}, {shown.block.protocol.short}"
    caption = "Bars are 95 % intervals of the Monte-Carlo error; the images are the same at each K."
    ticks = [float(part) for part in parts]
    return _lines(name, title, caption, "K (draws of z)", shown.column.unit, series, ticks)


def _over_k(shown: MultiPartMetric, row: ModelRow, parts: Iterable[str]) -> Iterator[Point]:
    cells = next(cells for line, cells in shown.lines if line is row)
    for part in parts:
        cell = cells.get(part)
        if cell is None or not cell.ok:
            continue
        half = NORMAL_REACH * cell.mc_stderr
        ends = (None, None) if math.isnan(half) else (cell.value - half, cell.value + half)
        name = shown.shown_as.head.format(shown.shown_as.name(part))
        value = f"{SIGNS.get(cell.kind, '')}{numbers.minus(cell.text)} {shown.column.unit}"
        lines = (f"{name}: {value}", cell.mc_text)
        yield [float(part), *map(_rounded, (cell.value, *ends)), *filter(None, lines)]


def _histories(suite: StoredSuite) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Model, protocol and losses of the first seed that finished, of each model."""
    seen = set()
    for run in sorted(suite.record.runs, key=lambda run: run.seed):
        key, folder = (run.model, run.protocol), suite.run_folder(run)
        if key in seen or not folder.is_sealed:
            continue
        seen.add(key)
        history = folder.history()
        if history is not None:
            yield *key, history


def _losses(model: str, history: pd.DataFrame, pen: _Pen) -> Iterator[Series]:
    names = [name for name in history.columns if name.endswith(".loss")]
    updates = list(dict.fromkeys(name.split(".")[1] for name in names))
    for name in names:
        stage, update = name.split(".")[:2]
        parts = (model, update if len(updates) > 1 else "", stage)
        dash = (_SECOND if updates.index(update) else []) + _VALIDATION * (stage != "train")
        values = zip(history["epoch"], pd.to_numeric(history[name], errors="coerce"), strict=True)
        points = [[int(epoch), _rounded(loss)] for epoch, loss in values if math.isfinite(loss)]
        if points:
            yield pen.series(model, ", ".join(filter(None, parts)), points, line=True, dash=dash)


def _lines(
    name: str,
    title: str,
    caption: str,
    x: str,
    y: str,
    series: Sequence[Series],
    ticks: Sequence[float] = (),
) -> Chart:
    """Curves over a linear axis, or over a logarithmic one with ticks where they have points."""
    axis = {"type": "logarithmic", "title": x, "ticks": list(ticks)} if ticks else {
        "type": "linear", "title": x,
    }  # fmt: skip
    data = {
        "x": axis,
        "y": {"type": "linear", "title": y},
        "values": "y",
        "height": _HEIGHT,
        "series": list(series),
    }
    return Chart(name, title, caption, data)


def _rounded(value: float | None) -> float | None:
    """So many digits as a screen can show."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
