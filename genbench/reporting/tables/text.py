"""The headline comparison as plain text, for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from genbench.reporting.tables.captions import block_footnotes, uncertainty_caption
from genbench.results.cells import Cell, Column, ProtocolBlock, marks


def terminal_table(blocks: Iterable[ProtocolBlock], width: int = 118) -> str:
    """The comparison as aligned text, one part per protocol, at most ``width`` wide."""
    return "\n\n".join(_terminal_block(block, width) for block in blocks)


def _terminal_block(block: ProtocolBlock, width: int) -> str:
    labels = ["model", "", *(row.title for row in block.rows)]
    columns = [labels, *(_terminal_column(block, i) for i in range(len(block.columns)))]
    lines = [f"{block.dataset} · {block.split} · {block.protocol.text}"]
    for part in _fitting(columns, width):
        lines += ["", *_aligned(part)]
    marked = (f"{mark} {sentence}" for mark, sentence in block_footnotes(block))
    notes = [uncertainty_caption(block), *marked, *reasons(block)]
    wrapped = (fill(note, width, initial_indent="  ", subsequent_indent="    ") for note in notes)
    return "\n".join([*lines, "", *wrapped])


def _terminal_column(block: ProtocolBlock, index: int) -> list[str]:
    column = block.columns[index]
    cells = [_both(block, column, row.cells[index]) for row in block.rows]
    return [f"{column.metric} {column.arrow}".strip(), ", ".join(block.under(column)), *cells]


def _both(block: ProtocolBlock, column: Column, cell: Cell) -> str:
    number, beside = f"{cell.text}{marks(column, cell)}", block.beside(column, cell)
    return f"{number} ({'; '.join(beside)})" if beside else number


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


def reasons(block: ProtocolBlock) -> list[str]:
    """Reasons of absent numbers: one line for all models that lack the same for the same reason."""
    metrics: dict[tuple[str, str, str], list[str]] = {}
    for row in block.rows:
        for column, cell in zip(block.columns, row.cells, strict=True):
            if not cell.ok and cell.status != "missing":
                key = (cell.word, row.label, cell.reason)
                metrics.setdefault(key, []).append(column.metric)
    models: dict[tuple[str, str, str], list[str]] = {}
    for (word, label, reason), names in metrics.items():
        key = (word, reason, ", ".join(dict.fromkeys(names)))
        models.setdefault(key, []).append(label)
    return [
        f"{word}: {_about(', '.join(labels), reason)} ({names})"
        for (word, reason, names), labels in models.items()
    ]


def _about(label: str, reason: str) -> str:
    return reason if reason.startswith(label) else f"{label}: {reason or 'no reason given'}"
