"""The numbers of a comparison: differences, improvement, interquartile means and ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genbench.comparison.bootstrap import rank_replicates, replicates
from genbench.comparison.matching import Match, match
from genbench.comparison.sides import ProtocolKey, Side
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
)

Group = tuple[str, str, str, tuple[str, str, int], str, int | None]


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Contestant:
    """One model of one side under one metric.

    Attributes:
        name: The model, with its side where both sides have a model of that name.
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
        difference: A less B.
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
    def test(self) -> str:
        """What the t-test takes as random."""
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
        groups: dict[Group, list[Line]] = {}
        for line in self.lines:
            groups.setdefault(group_of(line.match), []).append(line)
        blocks: dict[ProtocolKey, list[list[Line]]] = {}
        for key, group in groups.items():
            blocks.setdefault(key[:3], []).append(group)
        return list(blocks.values())


def group_of(pair: Match) -> Group:
    """Return what numbers must share to be ranked together."""
    block, cell = pair.block, pair.cells[0]
    return block.dataset, block.protocol.text, block.split, pair.column.key, cell.kind, cell.n


def compare(first: Side, second: Side) -> Comparison:
    """Compare two results, number by number.

    Raises:
        NotComparableError: They share no protocol, no model or no number.
    """
    matches = match(first, second)
    differences = [difference(*m.values, by_seed=m.by_seed) for m in matches.pairs]
    corrected = holm([d.p_value for d in differences])
    groups: dict[Group, list[int]] = {}
    for place, pair in enumerate(matches.pairs):
        groups.setdefault(group_of(pair), []).append(place)
    measured = {
        place: parts
        for places in groups.values()
        for place, parts in zip(places, _measured([matches.pairs[i] for i in places]), strict=True)
    }
    lines = tuple(
        Line(m, differences[i], corrected[i], *measured[i]) for i, m in enumerate(matches.pairs)
    )
    return Comparison(first.name, second.name, lines, tuple(matches.left_out))


def _measured(group: Sequence[Match]) -> list[tuple[Measured, Contestant, Contestant]]:
    """Return the improvement and both contestants of each match of a group."""
    contestants = _contestants(group)
    drawn = replicates({name: seeds for (name, _), seeds in contestants.items()})
    sign = 1.0 if group[0].column.better == "higher" else -1.0
    scores = np.array([sign * interquartile_mean(drawn[name]) for name, _ in contestants])
    ranks = rank_replicates(scores)
    ranked = {
        key: _contestant(key, seeds, drawn[key[0]], rank, len(contestants))
        for (key, seeds), rank in zip(contestants.items(), ranks, strict=True)
    }
    measured = []
    for entry in group:
        one, other = (ranked[key] for key in _names(entry))
        improvement = _improvement(entry, sign, drawn[one.name], drawn[other.name])
        measured.append((improvement, one, other))
    return measured


def _names(entry: Match) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = entry.labels
    if first == second:
        return (f"{first} (A)", "A"), (f"{second} (B)", "B")
    return (first, "A"), (second, "B")


def _contestants(group: Sequence[Match]) -> dict[tuple[str, str], Seeds]:
    return {
        key: seeds
        for entry in group
        for key, seeds in zip(_names(entry), entry.values, strict=True)
    }


def _contestant(
    key: tuple[str, str], seeds: Seeds, drawn: Vector, ranks: Vector, of: int
) -> Contestant:
    means = seed_means(seeds)
    iqm = Measured(
        float(interquartile_mean(means)), *percentile_interval(interquartile_mean(drawn))
    )
    rank = Measured(float(ranks.mean()), *percentile_interval(ranks))
    return Contestant(*key, len(means), float(means.mean()), iqm, rank, of)


def _improvement(entry: Match, sign: float, first: Vector, second: Vector) -> Measured:
    one, other = (sign * seed_means(seeds) for seeds in entry.values)
    share = float(probability_of_improvement(one, other))
    return Measured(
        share, *percentile_interval(probability_of_improvement(sign * first, sign * second))
    )
