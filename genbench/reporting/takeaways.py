"""Sentences computed from the numbers, which say nothing that the numbers do not.

May import the standard library and this package's tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from genbench.reporting.numbers import plain
from genbench.reporting.tables import Block, Cell, Column

_BOUNDS = ("ais_log_likelihood", "iw_log_likelihood", "elbo")
_WORDS = {"lower_bound": "lower bound", "upper_bound": "upper bound"}
_ROUNDING = 1e-6
Titles = dict[str, str]


@dataclass(frozen=True)
class Takeaways:
    """The facts of one protocol."""

    heading: str
    facts: tuple[str, ...]


def takeaways(blocks: Iterable[Block], titles: Titles) -> list[Takeaways]:
    """Facts per protocol; a protocol without numbers is left out."""
    found = (Takeaways(block.protocol.short, tuple(_facts(block, titles))) for block in blocks)
    return [entry for entry in found if entry.facts]


def _facts(block: Block, titles: Titles) -> list[str]:
    facts = [
        _best_bound(block, titles),
        _exact(block, titles),
        _gaps(block, titles),
        _ends(block, "kl", titles),
        _ends(block, "reconstruction_mse", titles),
    ]
    return [fact for fact in facts if fact]


def _numbers(block: Block, metric: str) -> tuple[Column, list[tuple[str, Cell]]] | None:
    """The column of a metric and its (model, cell) pairs that hold a number, best first."""
    index = block.column(metric)
    if index is None:
        return None
    column = block.columns[index]
    cells = [(row.label, row.cells[index]) for row in block.rows if row.cells[index].ok]
    cells.sort(key=lambda pair: pair[1].value, reverse=column.better == "higher")
    return (column, cells) if cells else None


def _name(column: Column, titles: Titles) -> str:
    title = titles.get(column.metric) or column.metric.replace("_", " ")
    return f"{title} ({column.settings})" if column.settings else title


def _quantity(cell: Cell, unit: str) -> str:
    return f"{cell.text} {unit}".strip().replace("-", "−")


def _best_bound(block: Block, titles: Titles) -> str:
    found = next((f for f in (_numbers(block, name) for name in _BOUNDS) if f), None)
    if found is None:
        return ""
    column, cells = found
    (label, cell), *others = cells
    kind = _WORDS.get(column.kind)
    name = (
        f"{kind} on the log-likelihood, {_name(column, titles)}" if kind else _name(column, titles)
    )
    if not others:
        return f"Only {label} has a {name}: {_quantity(cell, column.unit)}."
    following = f"{others[0][0]} follows with {_quantity(others[0][1], column.unit)}"
    return f"The highest {name}: {_quantity(cell, column.unit)}, of {label}; {following}."


def _exact(block: Block, titles: Titles) -> str:
    exact = _numbers(block, "log_likelihood")
    if exact is None:
        return ""
    column, cells = exact
    known = "; ".join(f"{label} {_quantity(cell, column.unit)}" for label, cell in cells)
    bounds = next((f for f in (_numbers(block, name) for name in _BOUNDS) if f), None)
    values = dict(bounds[1]) if bounds else {}
    if bounds is None or cells[0][0] not in values:
        return f"The exact log-likelihood is known for {known}."
    difference = abs(cells[0][1].value - values[cells[0][0]].value)
    apart = f"differs from it by {plain(difference, 2)} {column.unit}"
    agrees = "agrees with it to rounding" if difference < _ROUNDING else apart
    return (
        f"The exact log-likelihood is known for {known}; its {_name(bounds[0], titles)} {agrees}."
    )


def _gaps(block: Block, titles: Titles) -> str:
    """How much the importance-weighted bound gains on the ELBO, over models."""
    elbo, better = _numbers(block, "elbo"), _numbers(block, "iw_log_likelihood")
    if elbo is None or better is None:
        return ""
    low = dict(elbo[1])
    gaps = {label: cell.value - low[label].value for label, cell in better[1] if label in low}
    if len(gaps) < 2:
        return ""
    least, most = min(gaps, key=gaps.__getitem__), max(gaps, key=gaps.__getitem__)
    return (
        f"The {_name(better[0], titles)} lies above the {_name(elbo[0], titles)} by"
        f" {_signed(gaps[least])} ({least}) to {_signed(gaps[most])} ({most}) {elbo[0].unit}."
    )


def _signed(value: float) -> str:
    return "0" if abs(value) < _ROUNDING else plain(value, 2).replace("-", "−")


def _ends(block: Block, metric: str, titles: Titles) -> str:
    found = _numbers(block, metric)
    if found is None or len(found[1]) < 2:
        return ""
    column, cells = found
    low, high = sorted((cells[0], cells[-1]), key=lambda pair: pair[1].value)
    title = _name(column, titles)
    return (
        f"{title[:1].upper()}{title[1:]} ranges from {_quantity(low[1], column.unit)} ({low[0]})"
        f" to {_quantity(high[1], column.unit)} ({high[0]})."
    )
