"""Which model is best: one number per model, all kinds in one column, best first.

The number of a model is its exact log-likelihood, or its tightest lower bound, over the whole test
set. A number over fewer images, an estimate or one with a warning leads nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from genbench.core.metric import Slot
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock

SIGNS = {"lower_bound": "≥ ", "upper_bound": "≤ "}
DETAILS: tuple[Slot, ...] = ("reconstruction", "rate", "samples")
_NORMAL = 1.959964
"""Half the width of a 95 % interval, in standard errors of a mean over many images."""


class Phrase(NamedTuple):
    """A piece of a sentence; model names and key numbers are strong."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Entry:
    """One model of a leaderboard.

    Attributes:
        row: Its row of the block.
        rank: 1 is best; None where the model has no headline number.
        column: Of its headline number.
        cell: Its headline number: exact, or the tightest lower bound over the whole test set.
        standing: ``best``, ``tie`` or empty.
        details: One per detail of the leaderboard.
        warnings: What is odd about the model, in plain words.
        absence: What stands where there is no number.
    """

    row: ModelRow
    rank: int | None = None
    column: Column | None = None
    cell: Cell | None = None
    standing: str = ""
    details: tuple[tuple[Column, Cell] | None, ...] = ()
    warnings: tuple[str, ...] = ()
    absence: str = "has none"

    @property
    def sign(self) -> str:
        """What stands before the number: ``≥`` for a lower bound, nothing for an exact one."""
        return SIGNS.get(self.cell.kind, "") if self.cell else ""

    @property
    def text(self) -> str:
        """The number with its sign and standard error, or what stands in its place."""
        return f"{self.sign}{self.cell.text}" if self.cell else self.absence

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval over test images; None where no standard error is known."""
        if self.cell is None or not self.cell.stderr >= 0:
            return None
        half = _NORMAL * self.cell.stderr
        return self.cell.value - half, self.cell.value + half


@dataclass(frozen=True)
class Leaderboard:
    """All models of one protocol, best first, then those without a number.

    Attributes:
        block: Where the numbers come from.
        entries: The models.
        unit: Of the headline numbers.
        details: Columns of reconstruction, rate and sample quality; only those that any model has.
        answer: Which model is best, by how much and how sure, in a sentence or two.
    """

    block: ProtocolBlock
    entries: tuple[Entry, ...]
    unit: str
    details: tuple[Column, ...]
    answer: tuple[Phrase, ...]

    @property
    def sentence(self) -> str:
        """The answer as plain text."""
        return "".join(phrase.text for phrase in self.answer)


def leaderboard_of(
    block: ProtocolBlock, warnings: Mapping[str, Sequence[str]] | None = None
) -> Leaderboard:
    """Sort the models of a block by their headline numbers.

    Args:
        block: The comparison of one protocol.
        warnings: By the label of a row.
    """
    details = tuple(_detail_columns(block))
    places = [block.columns.index(column) for column in details]
    numbers = [(row, _headline(block, row)) for row in block.rows]
    known = [(row, found) for row, found in numbers if found]
    known.sort(key=lambda pair: -pair[1][1].value)
    others = [(row, found) for row, found in numbers if not found]
    entries = []
    for rank, (row, found) in enumerate([*known, *others], 1):
        column, cell = found or (None, None)
        shown = tuple((block.columns[i], row.cells[i]) if row.cells[i].ok else None for i in places)
        words = tuple((warnings or {}).get(row.label, ()))
        entry = Entry(row, rank if found else None, column, cell, "", shown, words)
        entries.append(entry)
    return Leaderboard(block, tuple(entries), "nats", details, tuple(_answer(entries)))


def _detail_columns(block: ProtocolBlock) -> Iterator[Column]:
    for slot in DETAILS:
        metrics = [c.metric for c in block.columns if c.record.leaderboard == slot]
        places = [block.column(metric) for metric in metrics]
        used = (i for i in places if i is not None and any(row.cells[i].ok for row in block.rows))
        if (place := next(used, None)) is not None:
            yield block.columns[place]


def _headline(block: ProtocolBlock, row: ModelRow) -> tuple[Column, Cell] | None:
    found = [
        (column, cell)
        for column, cell in zip(block.columns, row.cells, strict=True)
        if column.record.leaderboard == "likelihood" and not column.record.warning
        if cell.complete and cell.n == _whole(block) and cell.kind in ("exact", "lower_bound")
    ]
    exact = [pair for pair in found if pair[1].kind == "exact"]
    return max(exact or found, key=lambda pair: pair[1].value, default=None)


def _whole(block: ProtocolBlock) -> int | None:
    return block.protocol.sizes[2] or block.n


def _answer(entries: Sequence[Entry]) -> Iterator[Phrase]:
    leader = entries[0] if entries else None
    if leader is None or leader.cell is None:
        yield Phrase("No model has a log-likelihood over the whole test set.")
        return
    yield Phrase(leader.row.label, strong=True)
    yield Phrase(" leads with ")
    yield Phrase(leader.text.replace("-", "−"), strong=True)
    yield Phrase(" nats.")
