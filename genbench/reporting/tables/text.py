"""Tables as plain text, for a terminal."""

import re
from collections.abc import Iterable, Sequence

from genbench.core.texts import GAP, Terminal, aligned, wrapped
from genbench.reporting.tables.said_once import Caption, Captions
from genbench.reporting.tables.small_table import Head, SmallTable, TableCell
from genbench.results.cells import BEST

_NUMBER = re.compile(r"(?P<whole>\D*[\d\u202f]+)(?P<rest>(\.\d+)?(e[+-]?\d+)?)")
_GLUE = "\u00a0"
STAR = "*"


def text_tables(tables: Iterable[SmallTable], terminal: Terminal) -> str:
    """All tables as aligned text that fits the terminal; what must be said of them stands once."""
    captions = Captions()
    texts = (_text_table(table, captions.of(table, table.name), terminal) for table in tables)
    return "\n\n".join(texts)


def _text_table(table: SmallTable, caption: Caption, terminal: Terminal) -> str:
    """Title, lead, table and notes; a table that is too wide is continued below."""
    marked = (f"{mark} {sentence}" for _, mark, sentence in caption.notes)
    notes = filter(None, [caption.text, *marked, caption.elsewhere, *table.reasons])
    below = "\n".join(terminal.paragraph(note, indent=2) for note in notes)
    return "\n\n".join(part for part in (titled_rows(table, terminal), below) if part)


def titled_rows(table: SmallTable, terminal: Terminal) -> str:
    """Title, lead and table alone."""
    above = "\n".join(terminal.paragraph(text) for text in (table.title, table.lead) if text)
    columns = _columns(table, terminal)
    heads, *rows = zip(*columns, strict=True)
    right = [i for i, head in enumerate(table.heads) if not head.words]
    return "\n\n".join(part for part in (above, aligned(rows, heads, terminal, right)) if part)


def text_width(table: SmallTable, terminal: Terminal) -> int:
    """How wide a table is if nothing goes on in the next line."""
    return sum(max(map(len, column)) + GAP for column in _columns(table, terminal)) - GAP


def _columns(table: SmallTable, terminal: Terminal) -> list[list[str]]:
    """The columns of a table, heads and numbers included, point below point."""
    cells = [[row[i] for row in table.rows] for i in range(len(table.heads))]
    texts = [
        _words(column, terminal) if head.words else _numbers(column, terminal)
        for head, column in zip(table.heads, cells, strict=True)
    ]
    heads = [
        _head(head, max(map(len, column), default=0), terminal)
        for head, column in zip(table.heads, texts, strict=True)
    ]
    height = max(map(len, heads))
    pairs = zip(heads, texts, strict=True)
    return [[""] * (height - len(head)) + head + column for head, column in pairs]


def _head(head: Head, width: int, terminal: Terminal) -> list[str]:
    """The lines of a head, no wider than the column where its words allow that."""
    lines = [text for text in (head.text, ", ".join(head.below)) if text] or [""]
    lines[-1] += f"{_GLUE}{head.arrow}" if head.arrow else ""
    spelled = [terminal.spelled(line) for line in lines]
    least = max(len(word) for line in spelled for word in line.split(" "))
    return [part for line in spelled for part in wrapped(line, max(width, least))]


def _words(cells: Sequence[TableCell], terminal: Terminal) -> list[str]:
    return [terminal.spelled(cell.line) for cell in cells]


def _numbers(cells: Sequence[TableCell], terminal: Terminal) -> list[str]:
    """Numbers with their errors, point below point; what is no number ends where they end."""
    rows = [_parts(cell, terminal) for cell in cells]
    widths = [max(map(len, parts)) for parts in zip(*filter(None, rows), strict=True)]
    pads = (str.rjust, str.ljust, str.rjust, str.ljust, str.ljust)
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
    ends = (match["rest"], error, point + rest + marks)
    ends = ends if cell.error else (match["rest"] + marks, "", "")
    parts = (match["whole"], *ends, f" ({cell.beside})" if cell.beside else "")
    return tuple(map(terminal.spelled, parts))
