"""AIS, importance weighting and Parzen windows side by side, over the same images.

May import the standard library, numpy and this package's cells, sheets and readers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from genbench.reporting import numbers
from genbench.reporting.cells import PARZEN, Block, Cell, Column, Row, marks, words
from genbench.reporting.datumwise import PerDatum
from genbench.reporting.sheets import Sheet

METRICS = ("ais_log_likelihood", "iw_log_likelihood", "log_likelihood", PARZEN)
NAMES = {
    "ais_log_likelihood": "AIS",
    "iw_log_likelihood": "importance weighting",
    "log_likelihood": "exact",
    PARZEN: "Parzen window ‡",
}


@dataclass(frozen=True)
class Entry:
    """A model's number over the common images, and its rank among numbers of equal kind."""

    cell: Cell
    value: float
    stderr: float
    rank: int = 0
    of: int = 0

    @property
    def rank_text(self) -> str:
        """``1 of 3``; empty where there is nothing to compare with."""
        return f"{self.rank} of {self.of}" if self.of > 1 else ""

    @property
    def text(self) -> str:
        """Value ± standard error over the common images."""
        return " ± ".join(part for part in numbers.measured(self.value, self.stderr) if part)


@dataclass(frozen=True)
class Ranks:
    """One protocol's numbers; ``entries`` holds one list per row, one entry per column."""

    block: Block
    n: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    entries: tuple[tuple[Entry | None, ...], ...]


def ranks(block: Block, values: PerDatum) -> Ranks | None:
    """Bring the estimators of a block to the same images; None with fewer than two of them."""
    found = [i for i in map(block.column, METRICS) if i is not None]
    found = [i for i in found if sum(row.cells[i].ok for row in block.rows) > 1]
    sizes = [r.cells[i].n for r in block.rows for i in found if r.cells[i].ok]
    n = min((size for size in sizes if size is not None), default=0)
    if len(found) < 2 or not n:
        return None
    columns = [[_entry(block.columns[i], r.cells[i], n, values) for r in block.rows] for i in found]
    placed = list(zip(*(_placed(column) for column in columns), strict=True))
    kept = [(row, e) for row, e in zip(block.rows, placed, strict=True) if any(e)]
    rows, entries = zip(*kept, strict=True)
    return Ranks(block, n, tuple(block.columns[i] for i in found), rows, entries)


def _entry(column: Column, cell: Cell, n: int, values: PerDatum) -> Entry | None:
    if not cell.ok:
        return None
    if cell.n == n:
        return Entry(cell, cell.value, cell.stderr)
    first = values.mean(column, cell, n)
    if first is None or n < 2:
        return None
    return Entry(cell, float(first.mean()), float(np.std(first, ddof=1) / math.sqrt(n)))


def _placed(column: Sequence[Entry | None]) -> list[Entry | None]:
    def placed(entry: Entry) -> Entry:
        rivals = [other for other in column if other and other.cell.kind == entry.cell.kind]
        rank = 1 + sum(other.value > entry.value for other in rivals)
        return Entry(entry.cell, entry.value, entry.stderr, rank, len(rivals))

    return [placed(entry) if entry else None for entry in column]


def rank_sheet(found: Ranks, name: str) -> Sheet:
    """Values and ranks of each model by each estimator."""
    rows = []
    for row, entries in zip(found.rows, found.entries, strict=True):
        pairs = zip(found.columns, entries, strict=True)
        rows.append((row.title, *(_text(column, entry) for column, entry in pairs)))
    settings = (", ".join(part for part in (c.unit, c.settings) if part) for c in found.columns)
    names = (NAMES[column.metric] for column in found.columns)
    heads = [f"{name} ({below})" for name, below in zip(names, settings, strict=True)]
    title = f"Estimators side by side: {found.block.protocol.short}"
    caption = (
        f"All numbers over the same {numbers.grouped(found.n)} images, ± standard error over them."
        " Ranks are by value, among numbers of equal kind only, and may differ by less than their"
        f" errors. {verdict(found)}"
    )
    return Sheet(name, title, ("model", *heads), tuple(rows), caption.strip())


def _text(column: Column, entry: Entry | None) -> str:
    if entry is None:
        return "n/a"
    place = f"rank {entry.rank_text}, " if entry.rank_text else ""
    kind = words(entry.cell.kind)
    return f"{entry.text}{marks(column.metric, entry.cell)}\n{place}{kind}"


def verdict(found: Ranks) -> str:
    """Whether the Parzen window orders the models as the first estimator does."""
    metrics = [column.metric for column in found.columns]
    if PARZEN not in metrics or metrics[0] == PARZEN:
        return ""
    other = NAMES[metrics[0]]
    parzen = metrics.index(PARZEN)
    known = [
        (row.label, entries[0], entries[parzen])
        for row, entries in zip(found.rows, found.entries, strict=True)
    ]
    both = [(label, a, p) for label, a, p in known if a and p]
    pairs = [(x, y) for x, y in combinations(both, 2) if x[1].cell.kind == y[1].cell.kind]
    if not pairs:
        return ""
    turned = [(x, y) for x, y in pairs if _z(x[1], y[1]) * _z(x[2], y[2]) < 0]
    if not turned:
        return (
            f"Here the Parzen window orders the models as {other} does, which is no reason to"
            " trust it."
        )
    x, y = max(turned, key=lambda pair: _least_z(*pair))
    low, high = (x, y) if x[1].value < y[1].value else (y, x)
    numbers_of = [e.text.replace("-", "−") for e in (low[2], high[2], high[1], low[1])]
    clear = _least_z(x, y) > 2
    return (
        f"The Parzen window orders these models differently from {other}: it puts {low[0]}"
        f" ({numbers_of[0]}) above {high[0]} ({numbers_of[1]}), where {other} puts {high[0]}"
        f" ({numbers_of[2]}) above {low[0]} ({numbers_of[3]})"
        f"{'' if clear else ', though not both by more than two standard errors'}."
    )


def _z(first: Entry, second: Entry) -> float:
    apart, stderr = first.value - second.value, math.hypot(first.stderr, second.stderr)
    return apart / stderr if stderr > 0 else math.copysign(math.inf, apart) if apart else 0.0


def _least_z(x: tuple[str, Entry, Entry], y: tuple[str, Entry, Entry]) -> float:
    return min(abs(_z(x[1], y[1])), abs(_z(x[2], y[2])))
