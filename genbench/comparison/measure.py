"""The numbers of a comparison: differences, improvement, interquartile means and ranks."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsFloat, TypeVar

import numpy as np

from genbench.comparison.bootstrap import normal_replicates, rank_replicates, replicates
from genbench.comparison.matching import Match, match
from genbench.comparison.sides import Side
from genbench.core.sequential import anytime_difference
from genbench.core.statistics import (
    ALPHA,
    Difference,
    Seeds,
    Vector,
    difference,
    holm,
    interquartile_mean,
    percentile_interval,
    probability_of_improvement,
    seed_means,
    stated_difference,
)

T = TypeVar("T")
OWN_ERROR = "the metric's own error"


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: SupportsFloat, replicates: Vector) -> "Measured":
        """Return a number with the interval of its bootstrap replicates."""
        return cls(float(value), *percentile_interval(replicates))


@dataclass(frozen=True)
class Contestant:
    """One model of one side under one metric.

    Attributes:
        name: The model, with its side if both sides have a model of that name.
        side: ``A`` or ``B``.
        mean: Mean over data and seeds.
        iqm: Interquartile mean over seeds; the plain mean with fewer than four.
        rank: Mean rank over the replicates, 1 for the best, among those of equal kind and n.
        of: The number of models ranked.
    """

    name: str
    side: str
    n_seeds: int
    mean: float
    iqm: Measured
    rank: Measured
    of: int


@dataclass(frozen=True)
class Line:
    """One number of A against one of B.

    Attributes:
        difference: A minus B.
        p_holm: p-value, Holm-corrected over all lines of the comparison.
        improvement: Probability that a seed of A is better than one of B.
    """

    match: Match
    difference: Difference
    p_holm: float
    improvement: Measured
    first: Contestant
    second: Contestant

    @property
    def verdict(self) -> str:
        """``A``, ``B`` or ``tie``."""
        if self.p_holm >= ALPHA:
            return "tie"
        return "A" if (self.difference.value > 0) == (self.match.column.better == "higher") else "B"

    @property
    def word(self) -> str:
        """The verdict in words: of networks that do not speak of methods, whose they are."""
        alone = self.verdict != "tie" and not self.match.of_methods
        return f"{self.verdict}'s networks" if alone else self.verdict

    @property
    def test(self) -> str:
        """What the test treats as random."""
        if self.match.by_own_error:
            return OWN_ERROR
        seeds = [len(values) for values in self.match.values]
        images = ["images"] if self.match.over_data else []
        if self.match.by_seed:
            return " and ".join([*images, "pairs of seeds"])
        several = "seeds" if min(seeds) > 1 else "seeds of A" if seeds[0] > 1 else "seeds of B"
        return " and ".join([*images, several] if max(seeds) > 1 else images)


@dataclass(frozen=True)
class Comparison:
    """The result of ``compare``."""

    first: str
    second: str
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]

    @cached_property
    def blocks(self) -> list[list[list[Line]]]:
        """Per protocol, the groups of lines whose contestants may be ranked together."""
        blocks = _grouped(self.lines, lambda line: line.match.group[:3])
        return [_grouped(block, lambda line: line.match.group) for block in blocks]


def _grouped(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Group the items by key, in order of first appearance."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def compare(first: Side, second: Side) -> Comparison:
    """Compare two results, number by number.

    Raises:
        NotComparableError: They have no protocol, model or number in common.
    """
    matches, left_out = match(first, second)
    differences = [_tested(m) for m in matches]
    corrected = holm([d.p_value for d in differences])
    measured: dict[int, tuple[Measured, Contestant, Contestant]] = {}
    for places in _grouped(range(len(matches)), lambda place: matches[place].group):
        measured |= zip(places, _measured([matches[i] for i in places]), strict=True)
    lines = (Line(m, differences[i], corrected[i], *measured[i]) for i, m in enumerate(matches))
    return Comparison(first.name, second.name, tuple(lines), tuple(left_out))


def _tested(match: Match) -> Difference:
    if match.by_own_error:
        first, second = ((cell.value, cell.stderr) for cell in match.cells)
        return stated_difference(first, second)
    test = anytime_difference if match.sequential else difference
    return test(*match.values, by_seed=match.by_seed)


def _measured(group: Sequence[Match]) -> list[tuple[Measured, Contestant, Contestant]]:
    """Return the improvement and both contestants of each match of a group."""
    entered = {
        name: (side, seeds)
        for pair in group
        for name, side, seeds in zip(pair.names, "AB", pair.values, strict=True)
    }
    drawn = _replicates(group, {name: seeds for name, (_, seeds) in entered.items()})
    sign = 1.0 if group[0].column.better == "higher" else -1.0
    scores = np.array([sign * interquartile_mean(drawn[name]) for name in entered])
    ranks = dict(zip(entered, rank_replicates(scores), strict=True))
    ranked = {
        name: _contestant(name, *entered[name], drawn[name], ranks[name], len(entered))
        for name in entered
    }
    measured = []
    for pair in group:
        first, second = pair.names
        improvement = _improvement(pair, sign, drawn[first], drawn[second])
        measured.append((improvement, ranked[first], ranked[second]))
    return measured


def _replicates(group: Sequence[Match], seeds: Mapping[str, Seeds]) -> dict[str, Vector]:
    if not group[0].by_own_error:
        return replicates(seeds)
    cells = {n: c for pair in group for n, c in zip(pair.names, pair.cells, strict=True)}
    return {name: normal_replicates(name, cell.value, cell.stderr) for name, cell in cells.items()}


def _contestant(
    name: str, side: str, seeds: Seeds, drawn: Vector, ranks: Vector, of: int
) -> Contestant:
    means = seed_means(seeds)
    iqm = Measured.of(interquartile_mean(means), interquartile_mean(drawn))
    rank = Measured.of(ranks.mean(), ranks)
    return Contestant(name, side, len(means), float(means.mean()), iqm, rank, of)


def _improvement(pair: Match, sign: float, first: Vector, second: Vector) -> Measured:
    one, other = (sign * seed_means(seeds) for seeds in pair.values)
    shares = probability_of_improvement(sign * first, sign * second)
    return Measured.of(probability_of_improvement(one, other), shares)
