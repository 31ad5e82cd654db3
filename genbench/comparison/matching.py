"""Pairs each number of A with its counterpart in B, and reports those without one.

Data set, protocol, split, metric, options, evaluator version, kind and n must all agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from genbench.comparison.sides import ColumnKey, NotComparableError, Number, Side
from genbench.core import numbers
from genbench.core.statistics import Seeds, paired_by_seed
from genbench.core.texts import few
from genbench.results.cells import Cell, Column, ProtocolBlock, words
from genbench.results.methods import is_deterministic, of_methods

Numbers = dict[ColumnKey, Number]
Group = tuple[str, str, str, ColumnKey, str, int | None, bool, bool]
_SHOWN = 4


@dataclass(frozen=True)
class Match:
    """One number of each side, with the values behind them.

    Attributes:
        labels: The two models' names.
        values: Per-datum values by seed, or a single value per seed.
        sequential: Whether seeds of a side were added until its pairs were decided.
    """

    block: ProtocolBlock
    column: Column
    labels: tuple[str, str]
    cells: tuple[Cell, Cell]
    values: tuple[Seeds, Seeds]
    sequential: bool = False

    @property
    def title(self) -> str:
        """The common name of both models, else both names."""
        first, second = self.labels
        return first if first == second else f"{first} − {second}"

    @property
    def names(self) -> tuple[str, str]:
        """The two models, with their sides if they have the same name."""
        first, second = self.labels
        return self.labels if first != second else (f"{first} (A)", f"{second} (B)")

    @property
    def group(self) -> Group:
        """What numbers must share to be ranked together."""
        where = (self.block.dataset, self.block.protocol.text, self.block.split)
        about = self.column.key, self.cells[0].kind, self.cells[0].n
        return *where, *about, self.over_data, self.by_own_error

    @property
    def of_methods(self) -> bool:
        """Whether the two may speak of methods; else only of these trained networks."""
        return of_methods(self.cells)

    @property
    def one_against_several(self) -> bool:
        """Whether one side is a single network of a method, and the other several."""
        counts = [len(values) for values in self.values]
        one = self.cells[counts.index(min(counts))]
        return min(counts) == 1 < max(counts) and not is_deterministic(one)

    @property
    def over_data(self) -> bool:
        """Whether per-datum values are known."""
        return len(next(iter(self.values[0].values()))) > 1

    @property
    def by_own_error(self) -> bool:
        """Whether two trained networks are compared by the errors that their numbers state."""
        return not self.over_data and all(len(values) == 1 for values in self.values)

    @property
    def by_seed(self) -> bool:
        """Whether equal seeds are paired: one model with the same seeds, and enough of them."""
        return self.labels[0] == self.labels[1] and paired_by_seed(*self.values)


def match(first: Side, second: Side) -> tuple[list[Match], list[str]]:
    """Pair the numbers of two sides; also return a line for whatever cannot be compared.

    Raises:
        NotComparableError: A model's two protocols differ, one seed meets several, or there is
            nothing to compare.
    """
    models, left_out = _models(first, second)
    matches = []
    for ours, theirs in _in_one_protocol(first, second, models):
        for key in ours | theirs:
            if key in ours and key in theirs:
                outcome = _matched(ours[key], theirs[key])
            elif key in ours:
                outcome = _alone(ours[key], "A", theirs)
            else:
                outcome = _alone(theirs[key], "B", ours)
            if isinstance(outcome, Match):
                matches.append(outcome)
            elif outcome:
                left_out.append(outcome)
    left_out = list(dict.fromkeys(left_out))
    if not matches:
        reasons = "\n".join(left_out[:8])
        raise NotComparableError(f"A and B have no numbers in common\n{reasons}".strip())
    _require_seeds(matches)
    return matches, left_out


def _require_seeds(matches: Iterable[Match]) -> None:
    """Refuse one training seed against several: it says nothing of the spread between seeds."""
    for pair in matches:
        if pair.one_against_several:
            seeds = [len(values) for values in pair.values]
            few, many = sorted(zip(seeds, "AB", strict=True))
            raise NotComparableError(
                f"{pair.title}: {few[1]} has one training seed and {many[1]} has {many[0]}, and one"
                f" network shows nothing of its method: run {few[1]} with `--seeds {many[0]}`, or"
                " compare equal numbers of seeds"
            )


def _models(first: Side, second: Side) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the pairs of models, and a line about those that only one side has."""
    if first.model and second.model:
        return [(first.model, second.model)], []
    known = set(second.labels)
    common = [label for label in first.labels if label in known]
    if not common:
        names = (f"{s.name} has {few(s.labels) or 'none'}" for s in (first, second))
        raise NotComparableError(
            f"A and B have no model in common: {'; '.join(names)} (SUITE:MODEL names one model)"
        )
    only = {word: sorted({*s.labels} - {*common}) for word, s in (("A", first), ("B", second))}
    wanted = {} if first.model or second.model else only
    left_out = [f"only {word} has {few(names)}" for word, names in wanted.items() if names]
    return [(label, label) for label in common], left_out


def _in_one_protocol(
    first: Side, second: Side, models: list[tuple[str, str]]
) -> list[tuple[Numbers, Numbers]]:
    """Return the numbers of both models, for each pair of models and each protocol they share.

    The whole comparison is refused if the two rows of a model share none.
    """
    shared, refused = [], []
    for one, other in models:
        sides = (first.numbers(one), second.numbers(other))
        shared += [(sides[0][key], sides[1][key]) for key in sides[0] if key in sides[1]]
        if not sides[0].keys() & sides[1].keys():
            names = one if one == other else f"{one} and {other}"
            texts = (" and ".join(sorted(" ".join(key[1:]) for key in side)) for side in sides)
            refused.append(f"{names}: A has {', B has '.join(texts)}")
    if refused:
        more = [f"and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else []
        lines = "\n".join([*refused[:_SHOWN], *more])
        raise NotComparableError(f"A and B do not share a protocol\n{lines}")
    return shared


def _matched(one: Number, other: Number) -> Match | str:
    """Pair two numbers of one column, or say why not; empty if neither side has a number."""
    column, cells = one.column, (one.cell, other.cell)
    if not any(cell.ok for cell in cells):
        return ""
    if column.record.not_compared:
        return f"{column.metric}, since it {column.record.not_compared}"
    reason = _reason(*cells)
    values = None if reason else _values(one, other)
    if values is None:
        name = " ".join(part for part in (column.metric, column.settings) if part)
        lacks = "no per-image values, fewer than two seeds, and no error of its own"
        return f"{one.label}, {name}: {reason or lacks}"
    sequential = one.block.sequential or other.block.sequential
    return Match(one.block, column, (one.label, other.label), cells, values, sequential)


def _alone(number: Number, word: str, others: Numbers) -> str:
    """Say that the other side lacks a number; empty if this side has none either."""
    if not number.cell.ok:
        return ""
    column = number.column
    alike = any(other.column.metric == column.metric for other in others.values())
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


def _values(one: Number, other: Number) -> tuple[Seeds, Seeds] | None:
    """Return both sides' per-datum values, else one value per seed.

    Both sides need several seeds then, or one each and numbers that state their own errors.
    """
    first, second = one.per_datum, other.per_datum
    if first is not None and second is not None:
        return first, second
    first, second = one.by_seed, other.by_seed
    several = len(first) > 1 and len(second) > 1
    alone = len(first) == len(second) == 1 and one.has_own_error and other.has_own_error
    return (first, second) if several or alone else None
