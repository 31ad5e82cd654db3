"""The one type of all tables: made once, then written as text, Markdown, LaTeX or HTML."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from genbench.core import numbers
from genbench.reporting.tables.captions import footnotes
from genbench.results.cells import Column, ModelRow, words

Line = tuple[str, ...]


@dataclass(frozen=True)
class Head:
    """The head of a column.

    Attributes:
        text: Its name.
        below: Unit, options, size: of less weight, one line each.
        words: Whether the column holds words, not numbers.
        arrow: Which way is better.
        kind: What its numbers are: ``exact``, ``lower_bound``, ...
        title: What a person calls it, where that is not its name.
    """

    text: str
    below: Line = ()
    words: bool = False
    arrow: str = ""
    kind: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """Name and arrow."""
        return f"{self.text} {self.arrow}".strip()

    @property
    def about(self) -> str:
        """All that stands below the name."""
        return ", ".join(part for part in (*self.below, words(self.kind)) if part)

    @property
    def line(self) -> str:
        """The whole head on one line."""
        return f"{self.name} ({self.about})" if self.about else self.name


@dataclass(frozen=True)
class TableCell:
    """What stands in one place of a table.

    Attributes:
        text: A word, or a number with its sign: ``≥ -92.36``.
        error: What stands after ±.
        marks: Footnote marks, which the notes of the table explain.
        badge: A word in a frame: the kind of a number that is not its column's, or ``control``.
        below: Of less weight, one line each: further errors, or what must be known of a row.
        standing: ``best``, ``tie`` or empty.
        note: Why there is no number, or what is wrong with it; a footnote.
        hint: What a reader sees who points at it: the number in full, its errors, its protocol.
        value: The number itself, to sort by.
        model: The model that the row is about.
    """

    text: str = ""
    error: str = ""
    marks: str = ""
    badge: str = ""
    below: Line = ()
    standing: str = ""
    note: str = ""
    hint: str = ""
    value: float | None = None
    model: str = ""

    @property
    def number(self) -> str:
        """The number with error and marks."""
        return f"{self.text} ± {self.error}{self.marks}" if self.error else self.text + self.marks

    @property
    def beside(self) -> str:
        """What is of less weight, on one line."""
        return "; ".join(part for part in (words(self.badge), *self.below) if part)

    @property
    def line(self) -> str:
        """Everything on one line."""
        return f"{self.number} ({self.beside})" if self.beside else self.number


Row = tuple[TableCell, ...]


@dataclass(frozen=True)
class SmallTable:
    """A table and what must be said around it.

    Attributes:
        name: Anchor on the page, one of its kind.
        title: Above the table.
        heads: Column heads; the first column names the row.
        rows: One cell per head.
        caption: Below the table.
        lead: Between title and table: what all rows share, or the answer that they give.
        in_latex: Whether the table is written to ``table.tex`` too.
        warnings: What the metrics in the cells warn of.
        explained: Marks of this table alone, and what they mean.
    """

    name: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    lead: str = ""
    in_latex: bool = True
    warnings: Line = ()
    explained: tuple[tuple[str, str], ...] = ()

    @property
    def marks(self) -> str:
        """All marks in the cells."""
        return "".join(cell.marks for row in self.rows for cell in row)

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Explanations of the marks in the cells."""
        return [*self.explained, *footnotes(self.marks, self.warnings)]

    @property
    def numbered_notes(self) -> dict[str, int]:
        """Notes of single cells, numbered in the order in which they are read."""
        notes = (cell.note for row in self.rows for cell in row if cell.note)
        return {note: place for place, note in enumerate(dict.fromkeys(notes), 1)}

    @property
    def reasons(self) -> list[str]:
        """Notes of single cells: one line for all rows and columns that share the same."""
        heads: dict[Line, list[str]] = {}
        for row in self.rows:
            for head, cell in zip(self.heads, row, strict=True):
                if cell.note:
                    key = (row[0].text, cell.text if cell.value is None else "", cell.note)
                    heads.setdefault(key, []).append(head.text)
        labels: dict[Line, list[str]] = {}
        for (label, word, note), names in heads.items():
            key = (word, note, ", ".join(dict.fromkeys(names)))
            labels.setdefault(key, []).append(label)
        return [_reason(", ".join(who), *about) for about, who in labels.items()]

    def only(self, places: Sequence[int]) -> "SmallTable":
        """The same table with these columns alone."""
        heads = tuple(self.heads[i] for i in places)
        return replace(
            self, heads=heads, rows=tuple(tuple(r[i] for i in places) for r in self.rows)
        )

    def without_empty(self) -> "SmallTable":
        """The same table without the columns that hold nothing in any row."""
        places = range(len(self.heads))
        return self.only([i for i in places if any(row[i].line for row in self.rows)])


def _reason(label: str, word: str, note: str, names: str) -> str:
    about = note if note.startswith(label) else f"{label}: {note}"
    return f"{word}: {about} ({names})" if word else f"{about} ({names})"


def heads_of(*heads: str | Head, words: Collection[str] = ()) -> tuple[Head, ...]:
    """Heads from their names; the first column and the named ones hold words."""
    named = (Head(head, words=head in words) if isinstance(head, str) else head for head in heads)
    first, *others = named
    return (replace(first, words=True), *others)


def row_of(*cells: str | TableCell) -> Row:
    """A row of cells and plain texts."""
    return tuple(TableCell(cell) if isinstance(cell, str) else cell for cell in cells)


def model_cell(row: ModelRow, remark: str = "") -> TableCell:
    """The model of a row, and what must be known of it."""
    below = tuple(text for text in (row.note or remark,) if text)
    badge = "control" if row.control else ""
    return TableCell(row.label, badge=badge, below=below, model=row.model)


def count_cell(n: int | None) -> TableCell:
    """A count, with thin spaces between thousands."""
    return TableCell(numbers.grouped(n), value=n)


def plain_cell(value: object) -> TableCell:
    """What a table of a study holds: a number with up to five digits, or a word."""
    number = float(value) if isinstance(value, float | int) else math.nan
    return TableCell(numbers.cell(value), value=number if math.isfinite(number) else None)


def measured_cell(
    value: float, stderr: float, marks: str = "", below: Line = (), *, signed: bool = False
) -> TableCell:
    """A number with its standard error, both rounded; ``signed`` puts a plus before a gain."""
    text, error = numbers.measured(value, stderr)
    plus = "+" if signed and not text.startswith("-") else ""
    return TableCell(plus + text, error, marks, below=below, value=value)


def warnings_of(columns: Iterable[Column]) -> Line:
    """What the metrics of these columns warn of."""
    return tuple(column.record.warning for column in columns)
