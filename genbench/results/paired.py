"""Paired differences between models on the same images, and what follows for who is best.

Only numbers of one metric with equal options, evaluator version, kind and n are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from genbench.core.sequential import anytime_difference
from genbench.core.statistics import ALPHA, Difference, Seeds, difference, holm, seed_spread
from genbench.results.cells import BEST, TIED, Cell, Column, ModelRow, ProtocolBlock
from genbench.results.methods import of_methods
from genbench.results.per_datum import PerDatumValues


@dataclass(frozen=True)
class Pair:
    """First model minus second.

    Attributes:
        difference: Mean over images and seeds.
        stderr: Standard error of the paired difference over images, and over seeds if several.
        p_value: Two-sided t-test over both, Holm-corrected over all pairs of the comparison.
        seed_sd: Standard deviation of the difference over the seeds that both have.
    """

    difference: float
    stderr: float
    p_value: float
    seed_sd: float

    @property
    def decided(self) -> bool:
        """Whether the difference is significant after correction."""
        return self.p_value < ALPHA


@dataclass(frozen=True)
class PairedComparison:
    """Models in one column that may be ranked, since their numbers are of one kind and n.

    ``rows`` are positions in the block, best first; ``values`` and ``cells`` stand in the same
    order.
    """

    column: Column
    kind: str
    n: int
    rows: tuple[int, ...]
    values: tuple[Seeds, ...]
    cells: tuple[Cell, ...]
    sequential: bool = False

    @property
    def of_methods(self) -> bool:
        """Whether it may speak of methods; else only of these trained networks."""
        return of_methods(self.cells)

    @cached_property
    def tests(self) -> list[Difference]:
        """The first less each of the others; see :func:`tests_of_the_first`."""
        return tests_of_the_first(self.values, sequential=self.sequential)

    @property
    def decided(self) -> bool:
        """Whether the first is better than every other."""
        return all(test.p_value < ALPHA for test in self.tests)

    @cached_property
    def pairs(self) -> dict[tuple[int, int], Pair]:
        """All pairs of its rows, the better one first."""
        tests = tests_of_pairs(self.values, sequential=self.sequential)
        return {(self.rows[i], self.rows[j]): self._pair(i, j, test) for (i, j), test in tests}

    def _pair(self, first: int, second: int, test: Difference) -> Pair:
        spread = seed_spread(self.values[first], self.values[second])
        return Pair(test.value, test.stderr, test.p_value, spread)

    def standings(self) -> dict[int, str]:
        """The standing of each of its rows."""
        return dict(zip(self.rows, standings_of(self.tests, self.cells), strict=True))


def tests_of_pairs(
    values: Sequence[Seeds], *, sequential: bool
) -> list[tuple[tuple[int, int], Difference]]:
    """Compare all pairs of models on the same data; p-values are Holm-corrected over them.

    Returns:
        Positions of the two, and the first less the second.
    """
    test = anytime_difference if sequential else difference
    pairs = list(combinations(range(len(values)), 2))
    return list(zip(pairs, _corrected([test(values[i], values[j]) for i, j in pairs]), strict=True))


def tests_of_the_first(values: Sequence[Seeds], *, sequential: bool) -> list[Difference]:
    """Compare the first model with each of the others on the same data: the first less the other.

    p-values are Holm-corrected over these; where seeds were added until all pairs were decided,
    over all pairs.
    """
    if sequential:
        return [test for (i, _), test in tests_of_pairs(values, sequential=True) if i == 0]
    first, *others = values
    return _corrected([difference(first, other) for other in others])


def _corrected(tests: Sequence[Difference]) -> list[Difference]:
    adjusted = holm([test.p_value for test in tests])
    return [replace(test, p_value=p) for test, p in zip(tests, adjusted, strict=True)]


def standings_of(tests: Sequence[Difference], cells: Sequence[Cell]) -> list[str]:
    """``best`` for a first that is better than every other, else ``tie`` for all tied with it.

    Nothing for numbers that do not speak of methods.
    """
    if not of_methods(cells):
        return [""] * len(cells)
    tied = [test.p_value >= ALPHA for test in tests]
    return [TIED if any(tied) else BEST, *(TIED if found else "" for found in tied)]


def comparisons(block: ProtocolBlock, index: int, values: PerDatumValues) -> list[PairedComparison]:
    """Return the comparisons of a column: one per kind and n with two models or more."""
    column = block.columns[index]
    cells = {place: row.cells[index] for place, row in enumerate(block.rows)}
    groups: dict[tuple[str, int], list[int]] = {}
    for place, cell in cells.items():
        if column.record.ranked and cell.ok and cell.n is not None:
            groups.setdefault((cell.kind, cell.n), []).append(place)
    compared = []
    for (kind, n), places in groups.items():
        seeds = {place: values.of(block, column, cells[place]) for place in places}
        known = {p: by_seed for p, by_seed in seeds.items() if by_seed and cells[p].complete}
        if n > 1 and len(known) == len(places) > 1:  # an unknown one might be the best
            order = _best_first(column, known)
            listed = tuple(known[place] for place in order), tuple(cells[place] for place in order)
            compared.append(PairedComparison(column, kind, n, order, *listed, block.sequential))
    return compared


def _best_first(column: Column, values: Mapping[int, Seeds]) -> tuple[int, ...]:
    means = {k: float(np.mean([v.mean() for v in seeds.values()])) for k, seeds in values.items()}
    return tuple(sorted(means, key=lambda row: (-_sign(column) * means[row], row)))


def _sign(column: Column) -> float:
    return -1.0 if column.better == "lower" else 1.0


def ranked(block: ProtocolBlock, values: PerDatumValues) -> ProtocolBlock:
    """The same block with the standing of each number; a control gets none.

    Nor does a number that another of its column is better than, whatever the kind of that one.
    """
    standings: dict[tuple[int, int], str] = {}
    for index in range(len(block.columns)):
        for comparison in comparisons(block, index, values):
            if not beaten(comparison, [row.cells[index] for row in block.rows]):
                words = comparison.standings().items()
                standings |= {(place, index): word for place, word in words}
    rows = (_stand(row, place, standings) for place, row in enumerate(block.rows))
    return replace(block, rows=tuple(rows))


def beaten(comparison: PairedComparison, cells: Sequence[Cell]) -> bool:
    """Whether a number of another kind over as many data is better than the first."""
    sign, first = _sign(comparison.column), cells[comparison.rows[0]].value
    others = (c for c in cells if c.ok and c.n == comparison.n and c.kind != comparison.kind)
    return any(sign * (cell.value - first) > 0 for cell in others)


def _stand(row: ModelRow, place: int, standings: Mapping[tuple[int, int], str]) -> ModelRow:
    def cell_at(index: int, cell: Cell) -> Cell:
        word = "" if row.control else standings.get((place, index), "")
        return replace(cell, standing=word)

    return replace(row, cells=tuple(cell_at(i, cell) for i, cell in enumerate(row.cells)))
