"""Sentences computed from the numbers, which say nothing that the numbers do not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from genbench.core.numbers import plain
from genbench.results.cells import BEST, TIED, UNRELIABLE, Cell, Column, ProtocolBlock

_WORDS = {"lower_bound": "lower bound", "upper_bound": "upper bound"}
_ROUNDING = 1e-6
Titles = dict[str, str]


@dataclass(frozen=True)
class Takeaways:
    """The facts of one protocol."""

    heading: str
    facts: tuple[str, ...]


def takeaways(blocks: Iterable[ProtocolBlock], titles: Titles) -> list[Takeaways]:
    """Facts per protocol; a protocol without numbers is left out."""
    per_block = (Takeaways(block.protocol.short, tuple(_facts(block, titles))) for block in blocks)
    return [entry for entry in per_block if entry.facts]


def _facts(block: ProtocolBlock, titles: Titles) -> list[str]:
    records = {column.metric: column.record for column in block.columns}
    bounds = sorted((r for r in records.values() if r.tightness), key=lambda r: r.tightness)
    exact = [r.name for r in records.values() if r.estimator and r.kind == "exact"]
    ranges = sorted((r for r in records.values() if r.summarised), key=lambda r: -r.place)
    tightest = [record.name for record in reversed(bounds)]
    facts = [
        _best_bound(block, tightest, titles),
        *(_exact(block, name, tightest, titles) for name in exact[:1]),
        _gaps(block, bounds[0].name, bounds[1].name, titles) if len(bounds) > 1 else "",
        *(_ends(block, record.name, titles) for record in ranges),
    ]
    return [fact for fact in facts if fact]


def _numbers(block: ProtocolBlock, metric: str) -> tuple[Column, list[tuple[str, Cell]]] | None:
    """The column of a metric and its (model, cell) pairs of equal kind and n, best first.

    Of several kinds or sizes the most frequent is taken, since they may not be ranked together.
    """
    index = block.column(metric)
    if index is None:
        return None
    column = block.columns[index]
    cells = [(row.label, row.cells[index]) for row in block.rows if row.cells[index].ok]
    if not cells:
        return None
    groups = [(cell.kind, cell.n) for _, cell in cells]
    kind, n = max(dict.fromkeys(groups), key=groups.count)
    alike = [(label, cell) for label, cell in cells if (cell.kind, cell.n) == (kind, n)]
    alike.sort(key=lambda pair: pair[1].value, reverse=column.better == "higher")
    return replace(column, kind=kind), alike


def _both(block: ProtocolBlock, first: str, second: str) -> list[tuple[str, Cell, Cell]]:
    """(model, cell, cell) for the models that have both metrics over the same data."""
    one, other = block.column(first), block.column(second)
    if one is None or other is None:
        return []
    cells = [(row.label, row.cells[one], row.cells[other]) for row in block.rows]
    return [(label, a, b) for label, a, b in cells if a.ok and b.ok and a.n == b.n]


def _name(column: Column, titles: Titles) -> str:
    title = titles.get(column.metric) or column.metric.replace("_", " ")
    return f"{title} ({column.settings})" if column.settings else title


def _quantity(cell: Cell, unit: str) -> str:
    mark = UNRELIABLE if cell.unreliable else ""
    return f"{cell.text}{mark} {unit}".strip().replace("-", "−")


def _best_bound(block: ProtocolBlock, bounds: Sequence[str], titles: Titles) -> str:
    numbers = next((n for n in (_numbers(block, name) for name in bounds) if n), None)
    if numbers is None:
        return ""
    column, cells = numbers
    (label, cell), *others = cells
    kind = _WORDS.get(column.kind)
    name = (
        f"{kind} on the log-likelihood, {_name(column, titles)}" if kind else _name(column, titles)
    )
    over = "" if cell.n == block.n else f" over {cell.n} images"
    if not others:
        return f"Only {label} has a {name}: {_quantity(cell, column.unit)}{over}."
    following = f"{others[0][0]} follows with {_quantity(others[0][1], column.unit)}"
    return (
        f"The highest {name}: {_quantity(cell, column.unit)}{over}, of {label};"
        f" {following}{_decision(cells)}."
    )


def _decision(cells: list[tuple[str, Cell]]) -> str:
    """What the paired test says of the first place; nothing where there was none."""
    if cells[0][1].standing == BEST:
        return ", significantly below it"
    tied = [label for label, cell in cells if cell.standing == TIED]
    return f"; a tie by the paired test: {', '.join(tied)}" if len(tied) > 1 else ""


def _exact(block: ProtocolBlock, metric: str, bounds: Sequence[str], titles: Titles) -> str:
    exact = _numbers(block, metric)
    if exact is None:
        return ""
    column, cells = exact
    known = "; ".join(f"{label} {_quantity(cell, column.unit)}" for label, cell in cells)
    label, first = cells[0]
    for name in bounds:
        bound = {model: b for model, b, _ in _both(block, name, metric)}.get(label)
        index = block.column(name)
        if bound is not None and index is not None:
            difference = abs(first.value - bound.value)
            apart = f"differs from it by {plain(difference, 2)} {column.unit}"
            agrees = "agrees with it to rounding" if difference < _ROUNDING else apart
            called = _name(block.columns[index], titles)
            of = "its" if len(cells) == 1 else f"the {label}"
            return f"The exact log-likelihood is known for {known}; {of} {called} {agrees}."
    return f"The exact log-likelihood is known for {known}."


def _gaps(block: ProtocolBlock, loose: str, tight: str, titles: Titles) -> str:
    """How much a tighter bound gains on a looser one, over models."""
    gaps = {label: high.value - low.value for label, low, high in _both(block, loose, tight)}
    places = block.column(loose), block.column(tight)
    if len(gaps) < 2 or places[0] is None or places[1] is None:
        return ""
    least, most = min(gaps, key=gaps.__getitem__), max(gaps, key=gaps.__getitem__)
    first, second = block.columns[places[0]], block.columns[places[1]]
    return (
        f"The {_name(second, titles)} lies above the {_name(first, titles)} by"
        f" {_signed(gaps[least])} ({least}) to {_signed(gaps[most])} ({most}) {first.unit}."
    )


def _signed(value: float) -> str:
    return "0" if abs(value) < _ROUNDING else plain(value, 2).replace("-", "−")


def _ends(block: ProtocolBlock, metric: str, titles: Titles) -> str:
    numbers = _numbers(block, metric)
    if numbers is None or len(numbers[1]) < 2:
        return ""
    column, cells = numbers
    low, high = sorted((cells[0], cells[-1]), key=lambda pair: pair[1].value)
    title = _name(column, titles)
    return (
        f"{title[:1].upper()}{title[1:]} ranges from {_quantity(low[1], column.unit)} ({low[0]})"
        f" to {_quantity(high[1], column.unit)} ({high[0]})."
    )
