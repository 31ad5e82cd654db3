"""Tables as plain text, for a terminal."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from genbench.core.texts import GAP, Terminal, aligned, wrapped
from genbench.reporting.tables.small_table import Head, SmallTable, TableCell
from genbench.results.cells import BEST

_NUMBER = re.compile(r"(?P<whole>\D*[\d\u202f]+)(?P<rest>(\.\d+)?(e[+-]?\d+)?)")
_GLUE = "\u00a0"
STAR = "*"


@dataclass(frozen=True)
class TextColumn:
    """A column as text: the lines of its head, and one line per row."""

    head: list[str]
    cells: list[str]
    words: bool

    @property
    def width(self) -> int:
        """Of its widest line."""
        return max(map(len, [*self.head, *self.cells]))

    @property
    def least(self) -> int:
        """The least width: words can go on in the next line."""
        words = " ".join([*self.head, *self.cells]).split()
        return max(map(len, words), default=0) if self.words else self.width


def text_tables(tables: Iterable[SmallTable], terminal: Terminal) -> str:
    """All tables as aligned text that fits the terminal, each with what must be said of it."""
    return "\n\n".join(text_table(table, terminal) for table in tables)


def text_table(table: SmallTable, terminal: Terminal) -> str:
    """Title, lead, table and notes; a table that is too wide is continued below."""
    marked = (f"{mark} {sentence}" for mark, sentence in table.notes)
    notes = filter(None, [table.caption, *marked, *table.reasons])
    below = "\n".join(terminal.paragraph(note, indent=2) for note in notes)
    return "\n\n".join(part for part in (titled_rows(table, terminal), below) if part)


def titled_rows(table: SmallTable, terminal: Terminal) -> str:
    """Title, lead and table alone."""
    above = "\n".join(terminal.paragraph(text) for text in (table.title, table.lead) if text)
    parts = [_part(part, terminal) for part in _fitting(text_columns(table, terminal), terminal)]
    return "\n\n".join(part for part in (above, *parts) if part)


def text_width(table: SmallTable, terminal: Terminal) -> int:
    """How wide a table is if no row goes on in the next line."""
    return sum(column.width + GAP for column in text_columns(table, terminal)) - GAP


def _fitting(columns: list[TextColumn], terminal: Terminal) -> Iterator[list[TextColumn]]:
    part = columns[:1]
    for column in columns[1:]:
        least = sum(c.least + GAP for c in part) + column.least
        if least > terminal.width and len(part) > 1:
            yield part
            part = columns[:1]
        part.append(column)
    yield part


def _part(columns: Sequence[TextColumn], terminal: Terminal) -> str:
    height = max(len(column.head) for column in columns)
    texts = [[""] * (height - len(c.head)) + c.head + c.cells for c in columns]
    heads, *rows = zip(*texts, strict=True)
    right = [i for i, column in enumerate(columns) if not column.words]
    return aligned(rows, heads, terminal, right)


def text_columns(table: SmallTable, terminal: Terminal) -> list[TextColumn]:
    """The columns of a table, numbers point below point."""
    columns = []
    for i, head in enumerate(table.heads):
        cells = [row[i] for row in table.rows]
        texts = _words(cells, terminal) if head.words else _numbers(cells, terminal)
        width = max(map(len, texts), default=0)
        columns.append(TextColumn(_head(head, width, terminal), texts, head.words))
    return columns


def _head(head: Head, width: int, terminal: Terminal) -> list[str]:
    """The lines of a head, no wider than the column where its words allow that."""
    lines = [text for text in (head.text, ", ".join(head.below)) if text] or [""]
    lines[-1] += f"{_GLUE}{head.arrow}" if head.arrow else ""
    spelled = [terminal.spelled(line) for line in lines]
    least = max(len(word) for line in spelled for word in line.split(" "))
    kept = [part for line in spelled for part in wrapped(line, max(width, least))]
    return [line.replace(_GLUE, " ") for line in kept]


def _words(cells: Sequence[TableCell], terminal: Terminal) -> list[str]:
    return [terminal.spelled(cell.line) for cell in cells]


def _numbers(cells: Sequence[TableCell], terminal: Terminal) -> list[str]:
    """Numbers with their errors, point below point; what is no number ends where they end."""
    rows = [_parts(cell, terminal) for cell in cells]
    widths = [max(map(len, parts)) for parts in zip(*filter(None, rows), strict=True)]
    pads = (str.rjust, str.ljust, str.rjust, str.ljust, str.ljust, str.ljust)
    texts = []
    for cell, parts in zip(cells, rows, strict=True):
        if parts:
            padded = (pad(part, n) for pad, part, n in zip(pads, parts, widths, strict=True))
            texts.append("".join(padded))
        else:
            texts.append(terminal.spelled(cell.line).rjust(sum(widths[:4])).ljust(sum(widths)))
    return texts


def _parts(cell: TableCell, terminal: Terminal) -> tuple[str, ...] | None:
    """A number before and after its point, its error likewise, marks, what stands beside it."""
    match = _NUMBER.fullmatch(cell.text)
    if not match:
        return None
    error, point, rest = f" ± {cell.error}".partition(".") if cell.error else ("", "", "")
    marks = f"{cell.marks}{STAR if cell.standing == BEST else ''}"
    beside = f" ({cell.beside})" if cell.beside else ""
    parts = (match["whole"], match["rest"], error, point + rest, marks, beside)
    return tuple(map(terminal.spelled, parts))
