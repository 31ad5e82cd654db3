"""Tables as plain text, for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from genbench.reporting.tables.small_table import SmallTable


def text_tables(tables: Iterable[SmallTable], width: int = 100) -> str:
    """All tables as aligned text, at most ``width`` wide."""
    return "\n\n".join(_text(table, width) for table in tables)


def _text(table: SmallTable, width: int) -> str:
    columns = [_column(table, i) for i in range(len(table.heads))]
    lines = [fill(text, width) for text in (table.title, table.lead) if text]
    for part in _fitting(columns, width):
        lines += ["", *_aligned(part)]
    marked = (f"{mark} {sentence}" for mark, sentence in table.notes)
    notes = filter(None, [table.caption, *marked, *table.reasons])
    wrapped = (fill(note, width, initial_indent="  ", subsequent_indent="    ") for note in notes)
    return "\n".join([*lines, "", *wrapped])


def _column(table: SmallTable, index: int) -> list[str]:
    head = table.heads[index]
    below = [", ".join(head.below)] if any(head.below for head in table.heads) else []
    return [head.name, *below, *(row[index].line for row in table.rows)]


def _fitting(columns: list[list[str]], width: int) -> Iterator[list[list[str]]]:
    part, used = [columns[0]], _width(columns[0])
    for column in columns[1:]:
        if used + 2 + _width(column) > width and len(part) > 1:
            yield part
            part, used = [columns[0]], _width(columns[0])
        part.append(column)
        used += 2 + _width(column)
    yield part


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))


def _aligned(columns: list[list[str]]) -> list[str]:
    padded = [[text.ljust(_width(columns[0])) for text in columns[0]]]
    padded += [[text.rjust(_width(column)) for text in column] for column in columns[1:]]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
