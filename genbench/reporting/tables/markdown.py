"""Tables as Markdown."""

from collections.abc import Iterable

from genbench.core.markdown import in_markdown
from genbench.reporting.tables.said_once import Caption, Captions
from genbench.reporting.tables.small_table import Row, SmallTable, TableCell
from genbench.results.cells import BEST, TIED


def markdown_tables(title: str, tables: Iterable[SmallTable], remark: str = "") -> str:
    """All tables below one title: heading, lead, table, caption, footnotes; each said once.

    Args:
        title: Of all of them.
        tables: In order.
        remark: A comment at the top, in plain letters.
    """
    above = [f"<!-- {remark} -->", ""] if remark else []
    captions = Captions()
    parts = (_markdown(table, captions.of(table, table.name)) for table in tables)
    return "\n".join([*above, f"# {in_markdown(title)}", "", *parts])


def _markdown(table: SmallTable, caption: Caption) -> str:
    lines = [
        f"## {in_markdown(table.title)}",
        "",
        *([in_markdown(table.lead), ""] if table.lead else []),
        _piped(in_markdown(head.line) for head in table.heads),
        _piped("---" if head.words else "---:" for head in table.heads),
        *map(_row, table.rows),
        "",
        *([in_markdown(caption.text), ""] if caption.text else []),
        *(f"- {mark} {in_markdown(sentence)}." for _, mark, sentence in caption.notes),
        *([f"- {in_markdown(caption.elsewhere)}."] if caption.elsewhere else []),
        *(f"- {in_markdown(reason)}" for reason in table.reasons),
        "",
    ]
    return "\n".join(lines)


def _row(row: Row) -> str:
    return _piped(map(_cell, row))


def _cell(cell: TableCell) -> str:
    number = in_markdown(cell.number)
    number = f"**{number}**" if cell.standing == BEST else number
    number = f"≈ {number}" if cell.standing == TIED else number
    return f"{number} ({in_markdown(cell.beside)})" if cell.beside else number


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
