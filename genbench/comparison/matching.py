"""Pairs each number of A with its counterpart in B, and says which have none.

Data set, protocol, split, metric, options, evaluator version, kind and n must all agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from genbench.comparison.sides import NotComparableError, Side
from genbench.core import numbers
from genbench.core.statistics import Seeds, paired_by_seed
from genbench.results.cells import Block, Cell, Column, Row, words

_SHOWN = 4


@dataclass(frozen=True)
class Match:
    """One number of each side, with the values behind them.

    Attributes:
        labels: The two models' names.
        values: Per-datum values by seed; a single value per seed where the number has none.
    """

    block: Block
    column: Column
    labels: tuple[str, str]
    cells: tuple[Cell, Cell]
    values: tuple[Seeds, Seeds]

    @property
    def title(self) -> str:
        """One name where both models have it, else both names."""
        first, second = self.labels
        return first if first == second else f"{first} − {second}"

    @property
    def over_data(self) -> bool:
        """Whether values per datum are known."""
        return len(next(iter(self.values[0].values()))) > 1

    @property
    def by_seed(self) -> bool:
        """Whether equal seeds are paired: one model, the same seeds, and enough of them."""
        return self.labels[0] == self.labels[1] and paired_by_seed(*self.values)


@dataclass
class Matches:
    """What can be compared, and a line for whatever cannot."""

    pairs: list[Match] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def match(first: Side, second: Side) -> Matches:
    """Pair the numbers of two sides.

    Raises:
        NotComparableError: A model's two protocols differ, or nothing is left to compare.
    """
    matches = Matches()
    pairs = _models(first, second, matches)
    _require_one_protocol(first, second, pairs)
    for one, other in pairs:
        for key, block, row in first.rows(one):
            for other_key, other_block, other_row in second.rows(other):
                if key == other_key:
                    _rows(matches, (first, block, row), (second, other_block, other_row))
    matches.left_out = list(dict.fromkeys(matches.left_out))
    if not matches.pairs:
        reasons = "\n".join(matches.left_out[:8])
        raise NotComparableError(f"A and B have no number in common\n{reasons}".strip())
    return matches


def _models(first: Side, second: Side, matches: Matches) -> list[tuple[str, str]]:
    if first.model and second.model:
        return [(first.model, second.model)]
    common = [label for label in first.labels if label in second.labels]
    if not common:
        names = (f"{s.name} has {_few(s.labels)}" for s in (first, second))
        raise NotComparableError(
            f"no model is in both: {'; '.join(names)} (SUITE:MODEL compares two models)"
        )
    for side, word in ((first, "A"), (second, "B")):
        if not (first.model or second.model) and (only := set(side.labels) - set(common)):
            matches.left_out.append(f"only {word} has {_few(sorted(only))}")
    return [(label, label) for label in common]


def _few(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _require_one_protocol(first: Side, second: Side, pairs: list[tuple[str, str]]) -> None:
    """Refuse the whole comparison where the two rows of one model share no protocol."""
    refused = []
    for one, other in pairs:
        keys, other_keys = (
            {k for k, _, _ in s.rows(m)} for s, m in ((first, one), (second, other))
        )
        if not keys & other_keys:
            names = one if one == other else f"{one} and {other}"
            texts = (" and ".join(sorted(" ".join(k[1:]) for k in k_)) for k_ in (keys, other_keys))
            refused.append(f"{names}: A has {', B has '.join(texts)}")
    if refused:
        more = [f"and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else []
        lines = "\n".join([*refused[:_SHOWN], *more])
        raise NotComparableError(f"A and B do not share a protocol\n{lines}")


Place = tuple[Side, Block, Row]
"""A model's row of one side, in its block."""


def _rows(matches: Matches, first: Place, second: Place) -> None:
    labels = (first[2].label, second[2].label)
    block = first[1]
    for column, cell, other in _cells(matches, first, second):
        if column.record.not_compared:
            matches.left_out.append(f"{column.metric}, since it {column.record.not_compared}")
            continue
        name = " ".join(part for part in (column.metric, column.settings) if part)
        reason = _reason(cell, other)
        values = None if reason else _values(column, (*first[:2], cell), (*second[:2], other))
        if values is not None:
            matches.pairs.append(Match(block, column, labels, (cell, other), values))
        else:
            lacking = "no values per image, and fewer than two seeds"
            matches.left_out.append(f"{labels[0]}, {name}: {reason or lacking}")


def _cells(matches: Matches, first: Place, second: Place) -> Iterator[tuple[Column, Cell, Cell]]:
    """Both cells of each column that has a direction, where at least one has a number."""
    others = {column.key: (column, cell) for column, cell in _directed(second)}
    for column, cell in _directed(first):
        _, other = others.pop(column.key, (column, None))
        if other is None and cell.ok:
            matches.left_out.append(_alone(column, "A", second[1]))
        elif other is not None and (cell.ok or other.ok):
            yield column, cell, other
    for column, cell in others.values():
        if cell.ok:
            matches.left_out.append(_alone(column, "B", first[1]))


def _directed(place: Place) -> Iterator[tuple[Column, Cell]]:
    _, block, row = place
    for column, cell in zip(block.columns, row.cells, strict=True):
        if column.better in ("higher", "lower"):
            yield column, cell


def _alone(column: Column, word: str, other: Block) -> str:
    alike = any(c.metric == column.metric for c in other.columns)
    name = f"{column.metric} v{column.version} {column.options}"
    return f"only {word} has {name}{' (other options or version)' if alike else ''}"


def _reason(first: Cell, second: Cell) -> str:
    """Say why two numbers of one column may not be compared; empty if they may."""
    for cell, word in ((first, "A"), (second, "B")):
        if not cell.ok:
            return f"{word} has no number ({cell.word})"
        if not cell.complete:
            return f"{word} has {cell.n_ok} of {cell.n_seeds} seeds"
    if first.kind != second.kind:
        return f"A is {_a(first.kind)}, B is {_a(second.kind)}"
    if first.n != second.n:
        sizes = (numbers.grouped(cell.n) for cell in (first, second))
        return f"over {' and '.join(sizes)} images"
    return ""


def _a(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {words(kind)}" if kind != "exact" else kind


def _values(
    column: Column, first: tuple[Side, Block, Cell], second: tuple[Side, Block, Cell]
) -> tuple[Seeds, Seeds] | None:
    """Return both sides' values per datum, else one per seed where both have several seeds."""
    if column.record.ranked and (first[2].n or 0) > 1:
        known = [side.values.of(block, column, cell) for side, block, cell in (first, second)]
        if known[0] is not None and known[1] is not None:
            return known[0], known[1]
    one, other = (
        {seed.seed: np.array([seed.value]) for seed in cell.seeds} for _, _, cell in (first, second)
    )
    return (one, other) if len(one) > 1 and len(other) > 1 else None
