"""AIS, importance weighting and Parzen windows side by side, over the same images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from genbench.core import numbers
from genbench.core.sequential import anytime_difference
from genbench.core.statistics import ALPHA, Seeds, difference, evenly_spaced, holm
from genbench.reporting.tables.small_table import (
    Head,
    SmallTable,
    TableCell,
    heads_of,
    measured_cell,
    model_cell,
    row_of,
    warnings_of,
)
from genbench.results.cells import WARNED, Cell, Column, ModelRow, ProtocolBlock, marks, words
from genbench.results.methods import NETWORKS_ALONE, of_methods
from genbench.results.per_datum import PerDatumValues


@dataclass(frozen=True)
class RankedNumber:
    """A model's number over the common images, and its rank among numbers of equal kind.

    Attributes:
        seeds: Values per image behind it, by seed; empty where they are not known.
        rank: One more than the number of rivals that are significantly better.
        last: ``of`` less the number of rivals that are significantly worse.
    """

    cell: Cell
    value: float
    stderr: float
    seeds: Seeds = field(default_factory=dict, repr=False, compare=False)
    rank: int = 0
    last: int = 0
    of: int = 0

    @property
    def rank_text(self) -> str:
        """``1 of 3``, a tie as ``1 to 2 of 3``; empty where there is nothing to compare with."""
        tied = f" to {self.last}" if self.last > self.rank else ""
        return f"{self.rank}{tied} of {self.of}" if self.of > 1 else ""

    @property
    def text(self) -> str:
        """Value ± standard error over the common images."""
        return " ± ".join(part for part in numbers.measured(self.value, self.stderr) if part)


@dataclass(frozen=True)
class Ranks:
    """One protocol's numbers; ``entries`` holds one list per row, one entry per column."""

    block: ProtocolBlock
    n: int
    columns: tuple[Column, ...]
    rows: tuple[ModelRow, ...]
    entries: tuple[tuple[RankedNumber | None, ...], ...]


def ranks(block: ProtocolBlock, values: PerDatumValues) -> Ranks | None:
    """Bring the estimators of a block to the same images; None with fewer than two of them.

    Left out are those whose values at these images are not stored.
    """
    places = [i for i in _estimators(block) if sum(row.cells[i].ok for row in block.rows) > 1]
    sizes = [r.cells[i].n for r in block.rows for i in places if r.cells[i].ok]
    n = min((size for size in sizes if size is not None), default=0)
    if len(places) < 2 or not n:
        return None
    columns = {i: [_entry(block, i, row, n, values) for row in block.rows] for i in places}
    places = [i for i in places if any(columns[i])]
    if len(places) < 2:
        return None
    ranked = (_placed(columns[i], sequential=block.sequential) for i in places)
    placed = list(zip(*ranked, strict=True))
    kept = [(row, e) for row, e in zip(block.rows, placed, strict=True) if any(e)]
    rows, entries = zip(*kept, strict=True)
    return Ranks(block, n, tuple(block.columns[i] for i in places), rows, entries)


def _estimators(block: ProtocolBlock) -> list[int]:
    """Positions of the estimators of log p(x), the tightest first, each with its last options."""
    named = {c.metric: c.record for c in block.columns if c.record.estimator}
    order = sorted(named, key=lambda name: (-named[name].tightness, named[name].place))
    return [i for i in map(block.column, order) if i is not None]


def _entry(
    block: ProtocolBlock, index: int, row: ModelRow, n: int, values: PerDatumValues
) -> RankedNumber | None:
    column, cell = block.columns[index], row.cells[index]
    if not cell.ok:
        return None
    seeds = _over(n, values.of(block, column, cell) or {}, block.n_whole or n)
    if cell.n == n:
        return RankedNumber(cell, cell.value, cell.stderr, seeds)
    if not seeds or n < 2:
        return None
    first = np.mean(list(seeds.values()), axis=0)
    stderr = float(np.std(first, ddof=1) / math.sqrt(n))
    return RankedNumber(cell, float(first.mean()), stderr, seeds)


def _over(n: int, seeds: Seeds, n_all: int) -> Seeds:
    """The values at ``n`` images that are evenly spaced over all; none where one is missing."""
    wanted, found = evenly_spaced(n_all, n), {}
    for seed, values in seeds.items():
        known = evenly_spaced(n_all, len(values))
        places = np.searchsorted(known, wanted)
        if not np.isin(wanted, known).all():
            return {}
        found[seed] = values[places]
    return found


def _placed(
    column: Sequence[RankedNumber | None], *, sequential: bool
) -> list[RankedNumber | None]:
    kinds = {entry.cell.kind for entry in column if entry}
    placed: dict[int, RankedNumber] = {}
    for kind in kinds:
        rivals = {i: e for i, e in enumerate(column) if e and e.cell.kind == kind}
        placed |= _ranked(rivals, _decided(rivals, sequential=sequential))
    return [placed.get(i) for i in range(len(column))]


def _ranked(
    rivals: Mapping[int, RankedNumber], decided: set[tuple[int, int]]
) -> dict[int, RankedNumber]:
    ranked = {}
    for i, entry in rivals.items():
        beaten_by = sum(worse == i for _, worse in decided)
        beats = sum(better == i for better, _ in decided)
        ranked[i] = replace(entry, rank=1 + beaten_by, last=len(rivals) - beats, of=len(rivals))
    return ranked


def _decided(rivals: Mapping[int, RankedNumber], *, sequential: bool) -> set[tuple[int, int]]:
    """(better, worse) for each pair that differs significantly, Holm-corrected over all pairs."""
    pairs = [(i, j) for i, j in combinations(rivals, 2) if _testable(rivals[i], rivals[j])]
    test = anytime_difference if sequential else difference
    differences = [test(rivals[i].seeds, rivals[j].seeds) for i, j in pairs]
    adjusted = holm([one.p_value for one in differences])
    return {
        (i, j) if one.value > 0 else (j, i)
        for (i, j), one, p_value in zip(pairs, differences, adjusted, strict=True)
        if p_value < ALPHA
    }


def _testable(first: RankedNumber, second: RankedNumber) -> bool:
    known = [entry.seeds for entry in (first, second)]
    return all(known) and len(next(iter(known[0].values()))) > 1


def rank_table(ranked: Ranks, name: str) -> SmallTable:
    """Values and ranks of each model by each estimator."""
    rows = []
    for row, entries in zip(ranked.rows, ranked.entries, strict=True):
        pairs = zip(ranked.columns, entries, strict=True)
        rows.append(row_of(model_cell(row), *(_cell(column, entry) for column, entry in pairs)))
    heads = heads_of("model", *map(_head, ranked.columns))
    test = "e-process over seeds and t-test" if ranked.block.sequential else "t-test"
    title = f"Estimators side by side: {ranked.block.protocol.short}"
    caption = (
        f"All numbers over the same {numbers.grouped(ranked.n)} images, ± standard error over them."
        " Ranks are among numbers of equal kind only; those that no significant paired difference"
        f" tells apart ({test}, Holm-corrected) share a range of ranks.{_networks(ranked)}"
        f" {verdict(ranked)}"
    )
    warnings = warnings_of(ranked.columns)
    return SmallTable(name, title, heads, tuple(rows), caption.strip(), warnings=warnings)


def _networks(ranked: Ranks) -> str:
    cells = (entry.cell for entries in ranked.entries for entry in entries if entry)
    return "" if of_methods(cells) else f" {NETWORKS_ALONE}"


def _head(column: Column) -> Head:
    below = tuple(part for part in (column.unit, column.settings) if part)
    return Head(column.record.estimator, below)


def _cell(column: Column, entry: RankedNumber | None) -> TableCell:
    if entry is None:
        return TableCell("n/a")
    place = f"rank {entry.rank_text}, " if entry.rank_text else ""
    below = (f"{place}{words(entry.cell.kind)}",)
    return measured_cell(entry.value, entry.stderr, marks(column, entry.cell), below)


def verdict(ranked: Ranks) -> str:
    """Whether an estimator that warns of its order ranks the models as the first one does."""
    warned = [i for i, column in enumerate(ranked.columns) if column.record.warning]
    if not warned or warned[0] == 0:
        return ""
    first, other = ranked.columns[0].record.estimator, warned[0]
    name = ranked.columns[other].record.estimator.removesuffix(f" {WARNED}")
    known = [
        (row.label, entries[0], entries[other])
        for row, entries in zip(ranked.rows, ranked.entries, strict=True)
    ]
    both = [(label, a, p) for label, a, p in known if a and p]
    pairs = [(x, y) for x, y in combinations(both, 2) if x[1].cell.kind == y[1].cell.kind]
    if not pairs:
        return ""
    turned = [(x, y) for x, y in pairs if _z(x[1], y[1]) * _z(x[2], y[2]) < 0]
    if not turned:
        return f"Here the {name} orders the models as {first} does, which is no reason to trust it."
    x, y = max(turned, key=lambda pair: _least_z(*pair))
    low, high = (x, y) if x[1].value < y[1].value else (y, x)
    numbers_of = [numbers.minus(e.text) for e in (low[2], high[2], high[1], low[1])]
    clear = _least_z(x, y) > 2
    return (
        f"The {name} orders these models differently from {first}: it puts {low[0]}"
        f" ({numbers_of[0]}) above {high[0]} ({numbers_of[1]}), where {first} puts {high[0]}"
        f" ({numbers_of[2]}) above {low[0]} ({numbers_of[3]})"
        f"{'' if clear else ', though not both by more than two standard errors'}."
    )


def _z(first: RankedNumber, second: RankedNumber) -> float:
    apart, stderr = first.value - second.value, math.hypot(first.stderr, second.stderr)
    return apart / stderr if stderr > 0 else math.copysign(math.inf, apart) if apart else 0.0


def _least_z(
    x: tuple[str, RankedNumber, RankedNumber], y: tuple[str, RankedNumber, RankedNumber]
) -> float:
    return min(abs(_z(x[1], y[1])), abs(_z(x[2], y[2])))
