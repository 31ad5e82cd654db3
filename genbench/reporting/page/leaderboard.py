"""The first screen: each protocol's leaderboard with intervals, samples and what to trust."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np

from genbench.core import numbers
from genbench.core.statistics import NORMAL_REACH
from genbench.core.texts import noun
from genbench.reporting.figures.grids import grid_png, reduced, sample_strip
from genbench.reporting.figures.style import EmbeddedFigure, embedded
from genbench.reporting.tables.comparison import hint
from genbench.reporting.tables.leaderboard import (
    detail_head,
    leaderboard_tables,
    legend,
)
from genbench.reporting.tables.small_table import Head, SmallTable
from genbench.results.cells import UNRELIABLE, Cell, Column, ModelRow, ProtocolBlock, words
from genbench.results.figure_inputs import FigureInputs
from genbench.results.headline import DETAILS
from genbench.results.leaderboard import SIGNS, Entry, Leaderboard
from genbench.results.suite import StoredSuite

Interval = tuple[float, float]
_REACH = 10.0
"""How far below the best the axis may go, in distances from the best to the median."""
_ROUNDING = 1e-6
_STRIP = (24, 36, 400)
"""Least and largest height of a strip of samples, and its largest width, in pixels of the page."""
_STRIP_NUMBERS = 40_000


@dataclass(frozen=True)
class Bar:
    """An interval on the common axis, in percent of its length.

    ``beyond`` is ``low`` or ``high`` where the value lies off the axis.
    """

    low: float
    at: float
    high: float
    beyond: str = ""


@dataclass(frozen=True)
class Axis:
    """The common axis of a leaderboard: absurd values lie off it and squash nobody."""

    low: float
    high: float

    @classmethod
    def of(cls, intervals: Sequence[Interval]) -> "Axis":
        """Cover the intervals whose middle is no further below the best than is sensible."""
        middles = [(low + high) / 2 for low, high in intervals]
        best = max(middles)
        reach = _REACH * (best - median(middles)) or float("inf")
        kept = [i for i, middle in zip(intervals, middles, strict=True) if best - middle <= reach]
        low = max(min(low for low, _ in kept), best - 1.2 * reach)
        return cls(low, max(low + _ROUNDING, min(max(high for _, high in kept), best + reach)))

    def bar(self, interval: Interval) -> Bar:
        """Place an interval on the axis, cut off at its ends."""
        middle = sum(interval) / 2
        beyond = "low" if middle < self.low else "high" if middle > self.high else ""
        low, at, high = (self._percent(v) for v in (interval[0], middle, interval[1]))
        return Bar(low, at, high, beyond)

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at the two ends."""
        digits = max(0, 1 - int(np.floor(np.log10(self.high - self.low))))
        return f"{self.low:.{min(digits, 6)}f}", f"{self.high:.{min(digits, 6)}f}"

    def _percent(self, value: float) -> float:
        return min(max(100 * (value - self.low) / (self.high - self.low), 0.0), 100.0)


class Detail(NamedTuple):
    """A number beside the likelihood: what points at it, and what stands behind it in small."""

    cell: Cell
    hint: str
    beside: str


@dataclass(frozen=True)
class Line:
    """One row: a model's number, what stands beside it, and its samples."""

    entry: Entry
    about: str
    bar: Bar | None
    hint: str
    details: tuple[Detail | None, ...]
    samples: EmbeddedFigure | None


@dataclass(frozen=True)
class Board:
    """A leaderboard as it stands on the page."""

    name: str
    title: str
    leaderboard: Leaderboard
    axis: Axis | None
    details: tuple[Head, ...]
    lines: tuple[Line, ...]
    facts: tuple[str, ...]
    trust: tuple[str, ...]

    @property
    def is_scored(self) -> bool:
        """Whether any model has a log-likelihood."""
        return any(line.entry.cell for line in self.lines)

    @property
    def has_samples(self) -> bool:
        """Whether any model draws samples."""
        return any(line.samples for line in self.lines)


def boards_of(suite: StoredSuite, inputs: Sequence[FigureInputs]) -> list[Board]:
    """Lay out the leaderboards of a suite; ``inputs`` hold the samples of its models."""
    about = {run.model: run.about or run.recipe for run in suite.record.runs}
    return [
        _board(f"leaderboard-{place}", leaderboard, about, inputs)
        for place, leaderboard in enumerate(suite.leaderboards, 1)
    ]


def signs_of(suite: StoredSuite) -> list[str]:
    """What signs of the leaderboards mean, but for ``≥``, which stands beside its marker.

    On the page no detail is marked as best.
    """
    tables = map(_with_plain_details, leaderboard_tables(suite.leaderboards))
    signs = legend([*tables], sequential=suite.record.until_decided is not None)
    return [sign for sign in signs if not sign.startswith(SIGNS["lower_bound"].strip())]


def _with_plain_details(table: SmallTable) -> SmallTable:
    first = sum(head.text not in DETAILS.values() for head in table.heads)
    rows = (
        (*row[:first], *(replace(cell, standing="") for cell in row[first:])) for row in table.rows
    )
    return replace(table, rows=tuple(rows))


def _board(
    name: str, leaderboard: Leaderboard, about: dict[str, str], inputs: Sequence[FigureInputs]
) -> Board:
    block = leaderboard.block
    intervals = [e.interval for e in leaderboard.entries if e.interval is not None]
    axis = Axis.of(intervals) if intervals else None
    lines = tuple(
        Line(
            entry,
            about.get(entry.row.model, ""),
            axis.bar(entry.interval) if axis and entry.interval else None,
            hint(block, entry.column, entry.cell) if entry.column and entry.cell else "",
            tuple(_detail(block, *d) if d else None for d in entry.details),
            _samples(entry.row, block, inputs),
        )
        for entry in leaderboard.entries
    )
    heads = tuple(map(detail_head, leaderboard.details))
    facts, trust = tuple(_facts(block)), tuple(_trust(leaderboard))
    return Board(name, _title(block), leaderboard, axis, heads, lines, facts, trust)


def _detail(block: ProtocolBlock, column: Column, cell: Cell) -> Detail:
    """A number; of sample quality, which has no table of differences, with its error and n."""
    error = numbers.measured(cell.value, cell.error)[1]
    shown = f"± {error}" if error and column.record.leaderboard == "samples" else ""
    beside = ", ".join(filter(None, (shown, block.other_size(column, cell))))
    return Detail(cell, hint(block, column, cell), beside)


def _title(block: ProtocolBlock) -> str:
    """The protocol without its data set, which the title of the page names."""
    title = block.protocol.short.removeprefix(f"{block.dataset}, ")
    return title[:1].upper() + title[1:]


def _samples(
    row: ModelRow, block: ProtocolBlock, inputs: Sequence[FigureInputs]
) -> EmbeddedFigure | None:
    """Some samples of a model in one row at their native pixels; None where it has none."""
    mine = [run for run in inputs if run.record.model == row.model]
    mine.sort(key=lambda run: run.record.protocol != block.protocol.text)
    strip = next((s for run in mine if (s := sample_strip(run.arrays)) is not None), None)
    if strip is None:
        return None
    png = grid_png(reduced(strip, _STRIP_NUMBERS), 1)
    return embedded(png, f"Samples of {row.label}").shown_at(*_STRIP)


def _facts(block: ProtocolBlock) -> Iterator[str]:
    size = f"{numbers.grouped(block.n)} " if block.n else ""
    yield f"{block.dataset}, {size}{block.split} {noun(block.n, 'image')}"
    yield block.seeds_text


def _trust(leaderboard: Leaderboard) -> Iterator[str]:
    """Sentences on whether the numbers may be believed: kinds, health, exact checks."""
    cells = [entry.cell for entry in leaderboard.entries if entry.cell]
    if not cells:
        return
    kinds = [f"{n} {words(kind)}{_plural(kind, n)}" for kind, n in _counts(cells).items()]
    yield f"Log-likelihoods: {' and '.join(kinds)}."
    uneven = sum(cell.unreliable for cell in cells)
    rests = "rests" if uneven == 1 else "rest"
    yield (
        f"{uneven} of {len(cells)} {rests} on too few draws ({UNRELIABLE})."
        if uneven
        else f"None rests on too few draws ({UNRELIABLE})."
    )
    if checks := list(_exact_checks(leaderboard.block)):
        yield f"Tightest bound against the exact value: {', '.join(checks)}."
    yield from _led_by_controls(leaderboard)


def _led_by_controls(leaderboard: Leaderboard) -> Iterator[str]:
    """Say which details a control leads: such a number alone shows no model to be good."""
    for place, column in enumerate(leaderboard.details):
        signs = {"higher": 1.0, "lower": -1.0}
        known = [
            (signs[column.better] * cell.value, entry.row)
            for entry in leaderboard.entries
            if column.better in signs and (detail := entry.details[place])
            if (cell := detail[1]).ok
        ]
        _, first = max(known, key=lambda pair: pair[0], default=(0.0, None))
        if first is not None and first.control and len(known) > 1:
            what = detail_head(column).text
            yield f"A control leads in {what} ({first.label}): that number alone shows little."


def _counts(cells: Sequence[Cell]) -> dict[str, int]:
    kinds = [cell.kind for cell in cells]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _plural(kind: str, n: int) -> str:
    return "s" if kind.endswith("bound") and n > 1 else ""


def _exact_checks(block: ProtocolBlock) -> Iterator[str]:
    """By how much each exact log-likelihood lies above the model's tightest bound."""
    for row in block.rows:
        pairs = [(c, cell) for c, cell in zip(block.columns, row.cells, strict=True) if cell.ok]
        exact = [x for c, x in pairs if c.record.estimator and c.record.kind == "exact"]
        bounds = [
            (column.record.tightness, cell.value, cell.mc_stderr)
            for column, cell in pairs
            if column.record.tightness and exact and cell.n == exact[0].n
        ]
        if bounds:
            _, bound, noise = max(bounds)
            yield f"{row.label} {_apart(exact[0].value - bound, noise)}"


def _apart(difference: float, noise: float) -> str:
    """By how much a bound is lower; higher than the exact value it may be by its draws."""
    if abs(difference) < _ROUNDING:
        return "equal to rounding"
    if difference > 0:
        return f"{numbers.plain(difference, 2)} nats lower"
    by_chance = -difference <= NORMAL_REACH * noise
    within = ", within its Monte-Carlo error" if by_chance else ""
    return f"{numbers.plain(-difference, 2)} nats higher{within}"
