"""Paired differences between models on the same images, and what follows for who is best.

Only numbers of one metric with equal options, evaluator version, kind and n are compared. May
import the standard library, numpy, :mod:`genbench.core` and this package's cells and readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from genbench.core.statistics import ALPHA, Seeds, difference, holm, seed_spread
from genbench.reporting.cells import BEST, TIED, Block, Cell, Column, Row
from genbench.reporting.datumwise import PerDatum

PAIRED = (
    "elbo",
    "iw_log_likelihood",
    "iw_extrapolated",
    "ais_log_likelihood",
    "log_likelihood",
    "prior_bound",
    "prior_log_likelihood",
    "bits_per_dim",
    "reconstruction_log_prob",
    "reconstruction_mse",
)
"""Metrics that value the same images for each model; a Parzen window never gets a rank."""


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
class Comparison:
    """All pairs of models in one column that may be ranked; ``rows`` are positions, best first."""

    column: Column
    kind: str
    n: int
    rows: tuple[int, ...]
    pairs: Mapping[tuple[int, int], Pair]

    def standings(self) -> dict[int, str]:
        """``best`` where the first is better than every other, else ``tie`` for the tied."""
        if self.column.better not in ("higher", "lower"):
            return {}
        first, *others = self.rows
        tied = [row for row in others if not self.pairs[first, row].decided]
        return dict.fromkeys([first, *tied], TIED) if tied else {first: BEST}


def comparisons(block: Block, index: int, values: PerDatum) -> list[Comparison]:
    """Compare the models of a column, one comparison per kind and n with two models or more."""
    column = block.columns[index]
    groups: dict[tuple[str, int], list[int]] = {}
    for place, row in enumerate(block.rows):
        cell = row.cells[index]
        if column.metric in PAIRED and cell.ok and cell.n is not None:
            groups.setdefault((cell.kind, cell.n), []).append(place)
    made = []
    for (kind, n), places in groups.items():
        found = {place: values.of(column, block.rows[place].cells[index]) for place in places}
        whole = {p for p in places if block.rows[p].cells[index].complete}
        known = {place: seeds for place, seeds in found.items() if seeds and place in whole}
        if n > 1 and len(known) == len(places) > 1:  # an unknown one might be the best
            made.append(_compare(column, kind, n, known))
    return made


def _compare(column: Column, kind: str, n: int, values: Mapping[int, Seeds]) -> Comparison:
    sign = -1.0 if column.better == "lower" else 1.0
    means = {k: float(np.mean([v.mean() for v in seeds.values()])) for k, seeds in values.items()}
    order = sorted(means, key=lambda row: (-sign * means[row], row))
    keys = list(combinations(order, 2))
    raw = [_pair(values[a], values[b]) for a, b in keys]
    adjusted = holm([pair.p_value for pair in raw])
    pairs = {k: replace(r, p_value=p) for k, r, p in zip(keys, raw, adjusted, strict=True)}
    return Comparison(column, kind, n, tuple(order), pairs)


def _pair(first: Seeds, second: Seeds) -> Pair:
    found = difference(first, second)
    return Pair(found.value, found.stderr, found.p_value, seed_spread(first, second))


def ranked(block: Block, values: PerDatum) -> Block:
    """The same block with the standing of each number; a control gets none."""
    standings: dict[tuple[int, int], str] = {}
    for index in range(len(block.columns)):
        for comparison in comparisons(block, index, values):
            found = comparison.standings()
            standings |= {(place, index): word for place, word in found.items()}
    rows = (_stand(row, place, standings) for place, row in enumerate(block.rows))
    return replace(block, rows=tuple(rows))


def _stand(row: Row, place: int, standings: Mapping[tuple[int, int], str]) -> Row:
    def cell_at(index: int, cell: Cell) -> Cell:
        word = "" if row.control else standings.get((place, index), "")
        return replace(cell, standing=word)

    return replace(row, cells=tuple(cell_at(i, cell) for i, cell in enumerate(row.cells)))
