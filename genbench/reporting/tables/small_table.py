"""A small table beside the comparison, made once and written as HTML, Markdown and LaTeX."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genbench.reporting.tables.captions import footnotes
from genbench.results.cells import Cell, Column, ProtocolBlock, marks

Line = tuple[str, ...]


@dataclass(frozen=True)
class SmallTable:
    """A table of texts; a second line of a cell, after a line break, is of less weight.

    Attributes:
        name: Anchor on the page, one of its kind.
        title: Above the table.
        heads: Column heads; the first column names the row.
        rows: One text per head.
        caption: Below the table.
        texts: Positions of the columns that hold words, not numbers.
        in_latex: Whether the table is written to ``table.tex`` too.
        warnings: What the metrics in the cells warn of.
    """

    name: str
    title: str
    heads: Line
    rows: tuple[Line, ...]
    caption: str = ""
    texts: tuple[int, ...] = (0,)
    in_latex: bool = True
    warnings: Line = ()

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Explanations of the marks in the cells."""
        return footnotes((text for row in self.rows for text in row), self.warnings)


def number(block: ProtocolBlock, column: Column, cell: Cell) -> str:
    """A number with its marks; below it, what stands beside it."""
    below = "; ".join(block.beside(column, cell))
    return "\n".join(part for part in (f"{cell.text}{marks(column, cell)}", below) if part)


def warnings_of(columns: Iterable[Column]) -> Line:
    """What the metrics of these columns warn of."""
    return tuple(column.record.warning for column in columns)


def without_empty(heads: Sequence[str], rows: Sequence[Line]) -> tuple[Line, tuple[Line, ...]]:
    """Leave out the columns that hold nothing in any row."""
    kept = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    return tuple(heads[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in rows)
