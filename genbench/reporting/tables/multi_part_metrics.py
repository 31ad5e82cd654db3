"""Metrics of several parts (``metric[part]``), and rate and distortion, as small tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from genbench.core import numbers
from genbench.core.metric import Metric, Parts
from genbench.reporting.tables.comparison import number_cell
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    heads_of,
    model_cell,
    row_of,
    warnings_of,
)
from genbench.results.blocks import cell_of, column_of
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock

Cells = Mapping[str, Cell]
_ABSENT = Cell("missing")


@dataclass(frozen=True)
class MultiPartMetric:
    """The parts of one metric in one block; ``lines`` are its models with a cell per part."""

    block: ProtocolBlock
    column: Column
    parts: tuple[str, ...]
    lines: tuple[tuple[ModelRow, Cells], ...]

    @property
    def is_numbered(self) -> bool:
        """Whether the parts are numbers, or need none: a stack has no axis of parts."""
        return self.column.record.plot == "stacked" or all(map(_is_number, self.parts))

    @property
    def shown_as(self) -> Parts:
        """How its parts are called and explained."""
        return self.column.record.parts or Parts()


def multi_part_metric(
    rows: pd.DataFrame, block: ProtocolBlock, metric: Metric
) -> MultiPartMetric | None:
    """Collect ``metric[part]`` of every model; None where there is none.

    Args:
        rows: What :func:`genbench.results.blocks.arranged` returns.
        block: Which protocol, and the order of the models.
        metric: Its record.
    """
    here = (rows["protocol"] == block.protocol.text) & (rows["dataset"] == block.dataset)
    here &= (rows["split"] == block.split) & (rows["status"] == "ok")
    mine = rows[here & rows["metric"].str.startswith(f"{metric.name}[")]
    of_label = dict(iter(mine.groupby("_label", sort=False)))
    lines = [(row, _cells(row, of_label[row.label])) for row in block.rows if row.label in of_label]
    if not lines:
        return None
    parts = _ordered([_part(name) for name in mine["metric"].unique()])
    column = replace(column_of(mine, {metric.name: metric}), metric=metric.name)
    return MultiPartMetric(block, column, parts, tuple(lines))


def _cells(model: ModelRow, rows: pd.DataFrame) -> dict[str, Cell]:
    """Cells by part, of the last options and version where there are several."""
    settings = ["options", "evaluator_version"]
    _, latest = list(rows.groupby(settings, sort=False))[-1]
    parts = latest.groupby("metric", sort=False)
    return {_part(str(name)): cell_of(g, model.cells[0].closed_form) for name, g in parts}


def _part(metric: str) -> str:
    return metric.partition("[")[2].removesuffix("]")


def _ordered(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(parts, key=float) if all(map(_is_number, parts)) else parts)


def _is_number(part: str) -> bool:
    try:
        return math.isfinite(float(part))
    except ValueError:
        return False


def part_table(shown: MultiPartMetric, name: str) -> SmallTable:
    """A row per model, a column per part, and one per metric that belongs beside them."""
    parts, column = shown.shown_as, shown.column
    beside = {
        metric: head
        for metric, head in parts.beside.items()
        if any(beside_cell(shown, row, metric) for row, _ in shown.lines)
    }
    rows: list[Row] = []
    for row, cells in shown.lines:
        own = (_number(shown.block, column, cells.get(part, _ABSENT)) for part in shown.parts)
        rows.append(
            row_of(model_cell(row), *own, *(_beside(shown, row, metric) for metric in beside))
        )
    other_n = column.n is not None and column.n != shown.block.n
    size = f" Over n = {numbers.grouped(column.n)} data." if other_n else ""
    title = f"{column.record.title}: {shown.block.protocol.short}"
    caption = f"{parts.note}{size}".strip()
    beside_columns = (shown.block.columns[i] for m in beside for i in shown.block.columns_of(m))
    warnings = warnings_of((column, *beside_columns))
    heads = ("model", *(parts.head.format(parts.name(part)) for part in shown.parts))
    table_heads = heads_of(*heads, *beside.values())
    return SmallTable(name, title, table_heads, tuple(rows), caption, warnings=warnings)


def beside_cell(shown: MultiPartMetric, row: ModelRow, metric: str) -> Cell | None:
    """The model's number of another metric, where it is over the same data."""
    index = shown.block.column(metric)
    cell = None if index is None else row.cells[index]
    mine = next((c for r, cells in shown.lines if r is row for c in cells.values()), _ABSENT)
    return cell if cell is not None and cell.ok and cell.n == mine.n else None


def _beside(shown: MultiPartMetric, row: ModelRow, metric: str) -> TableCell:
    cell, index = beside_cell(shown, row, metric), shown.block.column(metric)
    if cell is None or index is None:
        return TableCell()
    return _number(shown.block, shown.block.columns[index], cell)


def _number(block: ProtocolBlock, column: Column, cell: Cell) -> TableCell:
    """A number without what the comparison says of it: its standing and its note."""
    return replace(number_cell(block, column, cell), standing="", note="")


def rate_tables(blocks: Sequence[ProtocolBlock]) -> list[SmallTable]:
    """Rate and distortion of each model, in nats and in bits."""
    heads = heads_of(
        "model", "rate (nats)", "rate (bits)", "distortion (nats)", "distortion (bits)",
        "rate + distortion (nats)",
    )  # fmt: skip
    caption = (
        "Rate: KL(q(z|x) ‖ p(z)), what the code spends on an image. Distortion:"
        " −E_q[log p(x|z)], what is left to say once the code is known; with densities it"
        " depends on the pixel scale and may be negative. Their sum is −ELBO. One bit is"
        " ln 2 = 0.693 nats."
    )
    lines = [(block, tuple(_rate_rows(block))) for block in blocks]
    shown = [(block, rows) for block, rows in lines if rows]
    tables = []
    for i, (block, rows) in enumerate(shown, 1):
        title = f"Rate and distortion: {block.protocol.short}"
        warnings = warnings_of(column for column in block.columns if column.record.term)
        tables.append(SmallTable(f"rate-{i}", title, heads, rows, caption, warnings=warnings))
    return tables


def _rate_rows(block: ProtocolBlock) -> list[Row]:
    terms = {column.record.term: i for i, column in enumerate(block.columns)}
    if not {"rate", "reconstruction"} <= terms.keys():
        return []
    rate, distortion = terms["rate"], terms["reconstruction"]
    columns = block.columns[rate], block.columns[distortion]
    rows = []
    for row in block.rows:
        cells = row.cells[rate], scaled(row.cells[distortion], -1.0)
        if cells[0].ok and cells[1].ok and cells[0].n == cells[1].n:
            shown = [
                replace(_number(block, column, scaled(cell, factor)), hint="")
                for column, cell in zip(columns, cells, strict=True)
                for factor in (1.0, 1 / math.log(2))
            ]
            total = cells[0].value + cells[1].value
            text = numbers.measured(total, cells[1].stderr)[0]
            rows.append(row_of(model_cell(row), *shown, TableCell(text, value=total)))
    return rows


def scaled(cell: Cell, factor: float) -> Cell:
    """The same number in another unit or with the other sign."""
    size = abs(factor)
    return replace(
        cell,
        value=cell.value * factor,
        stderr=cell.stderr * size,
        mc_stderr=cell.mc_stderr * size,
        seed_sd=cell.seed_sd * size,
    )
