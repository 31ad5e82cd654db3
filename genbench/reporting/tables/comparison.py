"""The comparison: all numbers of one protocol as a table."""

from collections.abc import Iterator, Mapping, Sequence

from genbench.core import numbers
from genbench.reporting.tables.captions import (
    notes_caption,
    ranking_caption,
    uncertainty_caption,
)
from genbench.reporting.tables.small_table import (
    Head,
    SmallTable,
    TableCell,
    model_cell,
)
from genbench.results.cells import Cell, Column, ProtocolBlock, marks, words


def comparison_tables(blocks: Sequence[ProtocolBlock]) -> list[SmallTable]:
    """The comparison of each protocol."""
    return [comparison_table(block, f"comparison-{i}") for i, block in enumerate(blocks, 1)]


def comparison_table(
    block: ProtocolBlock, name: str = "comparison", remarks: Mapping[str, str] | None = None
) -> SmallTable:
    """One row per model, one column per metric.

    Args:
        block: The numbers of one protocol.
        name: Anchor of the table.
        remarks: What to say below a model's name, by model.
    """
    known = remarks or {}
    rows = [
        (
            model_cell(row, known.get(row.model, "")),
            *(number_cell(block, *pair) for pair in zip(block.columns, row.cells, strict=True)),
        )
        for row in block.rows
    ]
    return SmallTable(
        name,
        f"{block.protocol.short} ({block.split})",
        (Head("model", words=True), *(metric_head(block, column) for column in block.columns)),
        tuple(rows),
        " ".join(filter(None, _captions(block))),
        block.protocol.sentence,
        warnings=tuple(_warnings(block)),
    )


def _captions(block: ProtocolBlock) -> Iterator[str]:
    yield uncertainty_caption(block)
    yield ranking_caption(block)
    yield notes_caption(block.columns)


def _warnings(block: ProtocolBlock) -> Iterator[str]:
    for i, column in enumerate(block.columns):
        if any(row.cells[i].ok for row in block.rows):
            yield column.record.warning


def metric_head(block: ProtocolBlock, column: Column) -> Head:
    """A metric's name with unit, options, n where it is another, direction and kind."""
    title = column.record.title
    return Head(column.metric, block.under(column), False, column.arrow, column.kind, title)


def number_cell(block: ProtocolBlock, column: Column, cell: Cell) -> TableCell:
    """A number with all that belongs to it, or the word and the reason of its absence."""
    if not cell.ok:
        reason = cell.reason or "no reason given"
        return TableCell(cell.word, note="" if cell.status == "missing" else reason)
    text, error = numbers.measured(cell.value, cell.error)
    return TableCell(
        text,
        error,
        marks(column, cell),
        cell.kind if block.other_kind(column, cell) else "",
        block.errors(column, cell),
        cell.standing,
        cell.reason,
        hint(block, column, cell),
        cell.value,
    )


def hint(block: ProtocolBlock, column: Column, cell: Cell) -> str:
    """A number in full, with its errors, kind, size and protocol, one line each."""
    settings = f", {column.settings}" if column.settings else ""
    seeds = f" over {cell.n_seeds} seeds" if cell.n_seeds > 1 else ""
    errors = {
        "standard error": cell.error,
        "Monte-Carlo error": cell.mc_stderr,
        "sd between seeds": cell.seed_sd,
    }
    lines = [
        f"{column.metric}{settings}: {cell.value:.8g} {column.unit}".strip(),
        *(f"{name} {value:.3g}" for name, value in errors.items() if value == value),
        f"{words(cell.kind)}, n = {numbers.grouped(cell.n)}{seeds}",
        block.protocol.text,
    ]
    return "\n".join(lines)
