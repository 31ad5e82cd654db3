"""Tables as Markdown."""

import re
from collections.abc import Iterable

from genbench.reporting.tables.small_table import Row, SmallTable, TableCell
from genbench.results.cells import BEST, TIED


def markdown_tables(title: str, tables: Iterable[SmallTable]) -> str:
    """All tables below one title: heading, lead, table, caption, footnotes."""
    return "\n".join([f"# {_md(title)}", "", *map(_markdown, tables)])


def _markdown(table: SmallTable) -> str:
    lines = [
        f"## {_md(table.title)}",
        "",
        *([_md(table.lead), ""] if table.lead else []),
        _piped(_md(head.line) for head in table.heads),
        _piped("---" if head.words else "---:" for head in table.heads),
        *map(_row, table.rows),
        "",
        *([_md(table.caption), ""] if table.caption else []),
        *(f"- {mark} {_md(sentence)}." for mark, sentence in table.notes),
        *(f"- {_md(reason)}" for reason in table.reasons),
        "",
    ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    return _piped(map(_cell, row))


def _cell(cell: TableCell) -> str:
    number = _md(cell.number)
    number = f"**{number}**" if cell.standing == BEST else number
    number = f"≈ {number}" if cell.standing == TIED else number
    return f"{number} ({_md(cell.beside)})" if cell.beside else number


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", flat)
