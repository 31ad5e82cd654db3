"""The comparison and the smaller tables as Markdown."""

import re
from collections.abc import Iterable, Sequence

from genbench.reporting.tables.captions import block_footnotes, ranking_caption, uncertainty_caption
from genbench.reporting.tables.small_table import SmallTable
from genbench.reporting.tables.text import reasons
from genbench.results.cells import BEST, TIED, Cell, Column, ProtocolBlock, marks, words


def markdown_tables(
    title: str, blocks: Sequence[ProtocolBlock], tables: Sequence[SmallTable] = ()
) -> str:
    """All blocks as Markdown, then the smaller tables: heading, table, captions, footnotes."""
    parts = [*(_markdown(block) for block in blocks), *(_small_table(table) for table in tables)]
    return "\n".join([f"# {_md(title)}", "", *parts])


def _markdown(block: ProtocolBlock) -> str:
    heads = ["model", *(_head(block, column) for column in block.columns)]
    lines = [
        f"## {_md(block.protocol.short)} ({_md(block.split)})",
        "",
        _md(block.protocol.sentence),
        "",
        _piped(heads),
        _piped(["---", *("---:" for _ in block.columns)]),
        *(
            _piped(
                [
                    _md(row.title),
                    *(_cell(block, *pair) for pair in zip(block.columns, row.cells, strict=True)),
                ]
            )
            for row in block.rows
        ),
        "",
        " ".join(_md(t) for t in (uncertainty_caption(block), ranking_caption(block)) if t),
        "",
        *_footnotes(block_footnotes(block)),
        *(f"- {_md(note)}" for note in reasons(block)),
        "",
    ]
    return "\n".join(lines)


def _small_table(table: SmallTable) -> str:
    rule = ["---" if i in table.texts else "---:" for i in range(len(table.heads))]
    lines = [
        f"## {_md(table.title)}",
        "",
        _piped([_md(head) for head in table.heads]),
        _piped(rule),
        *(_piped([_md(_flat(text)) for text in row]) for row in table.rows),
        "",
        *([_md(table.caption), ""] if table.caption else []),
        *_footnotes(table.notes),
        "",
    ]
    return "\n".join(lines)


def _flat(text: str) -> str:
    first, _, below = text.partition("\n")
    return f"{first} ({below})" if below else first


def _footnotes(notes: Iterable[tuple[str, str]]) -> list[str]:
    return [f"- {mark} {_md(sentence)}." for mark, sentence in notes]


def _head(block: ProtocolBlock, column: Column) -> str:
    below = ", ".join(part for part in (*block.under(column), words(column.kind)) if part)
    return " ".join(part for part in (_md(column.metric), column.arrow, f"({_md(below)})") if part)


def _cell(block: ProtocolBlock, column: Column, cell: Cell) -> str:
    number = f"{_md(cell.text)}{marks(column, cell)}"
    number = f"**{number}**" if cell.standing == BEST else number
    number = f"≈ {number}" if cell.standing == TIED else number
    beside = "; ".join(block.beside(column, cell))
    return f"{number} ({_md(beside)})" if beside else number


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", flat)
