"""The models of one protocol, best first: one number per model, all kinds in one column."""

from dataclasses import dataclass
from typing import NamedTuple

from genbench.core.statistics import NORMAL_REACH
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock

SIGNS = {"lower_bound": "≥ ", "upper_bound": "≤ "}
UNIT = "nats"


class Phrase(NamedTuple):
    """A piece of a sentence; names of models and the key numbers are strong."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Entry:
    """One model of a leaderboard.

    Attributes:
        row: Its row of the block.
        rank: 1 is best; None for a model with neither an exact value nor a lower bound.
        column: Of its headline number.
        cell: Its headline number: exact, or the tightest lower bound over the whole test set; an
            upper bound where there is nothing else.
        standing: ``best``, ``tie`` or empty.
        details: One per detail of the leaderboard.
        warnings: Signs that its training went wrong, in plain words.
        certified: By which checks its headline number was certified, in words.
        absence: What stands where there is no number.
        incomplete: Where there is none, the best number that some seeds lack.
    """

    row: ModelRow
    rank: int | None = None
    column: Column | None = None
    cell: Cell | None = None
    standing: str = ""
    details: tuple[tuple[Column, Cell] | None, ...] = ()
    warnings: tuple[str, ...] = ()
    certified: str = ""
    absence: str = ""
    incomplete: Cell | None = None

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
        half = NORMAL_REACH * self.cell.stderr
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
        undecided: Where seeds were added until all pairs were decided, those that are not.
    """

    block: ProtocolBlock
    entries: tuple[Entry, ...]
    unit: str
    details: tuple[Column, ...]
    answer: tuple[Phrase, ...]
    undecided: tuple[tuple[str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """The answer as plain text."""
        return "".join(phrase.text for phrase in self.answer)
