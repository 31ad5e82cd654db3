"""Metrics of several parts (``metric[part]``): curves over K, decompositions, sweeps, gaps.

May import the standard library, pandas and this package's tables and sheets.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from genbench.core import numbers
from genbench.reporting.cells import Block, Cell, Column, Row
from genbench.reporting.sheets import Line, Sheet, number
from genbench.reporting.tables import cell_of, column_of

Cells = Mapping[str, Cell]


@dataclass(frozen=True)
class Family:
    """The parts of one metric in one block; ``lines`` are its models with a cell per part."""

    block: Block
    column: Column
    parts: tuple[str, ...]
    lines: tuple[tuple[Row, Cells], ...]


def family(rows: pd.DataFrame, block: Block, metric: str) -> Family | None:
    """Collect ``metric[part]`` of every model; None where there is none.

    Args:
        rows: What :func:`genbench.reporting.tables.arranged` returns.
        block: Which protocol, and the order of the models.
        metric: Name without the part.
    """
    here = (rows["protocol"] == block.protocol.text) & (rows["dataset"] == block.dataset)
    here &= (rows["split"] == block.split) & (rows["status"] == "ok")
    mine = rows[here & rows["metric"].str.startswith(f"{metric}[")]
    lines = [(row, _cells(mine[mine["_label"] == row.label])) for row in block.rows]
    lines = [(row, cells) for row, cells in lines if cells]
    if not lines:
        return None
    parts = _ordered([_part(name) for name in mine["metric"].unique()])
    return Family(block, replace(column_of(mine), metric=metric), parts, tuple(lines))


def _cells(rows: pd.DataFrame) -> dict[str, Cell]:
    """Cells by part, of the last options and version where there are several."""
    if not len(rows):
        return {}
    settings = ["options", "evaluator_version"]
    _, latest = list(rows.groupby(settings, sort=False))[-1]
    return {_part(str(name)): cell_of(g) for name, g in latest.groupby("metric", sort=False)}


def _part(metric: str) -> str:
    return metric.partition("[")[2].removesuffix("]")


def _ordered(parts: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(parts, key=float))
    except ValueError:
        return tuple(parts)


def part_sheet(
    found: Family,
    name: str,
    title: str,
    caption: str,
    head: Callable[[str], str] = lambda part: part.replace("_", " "),
    more: Mapping[str, Callable[[Row, Cells], str]] | None = None,
) -> Sheet:
    """A row per model, a column per part, and columns computed from them.

    Args:
        found: The numbers.
        name: Anchor.
        title: Above the table, before the protocol.
        caption: Below it.
        head: Column head of a part.
        more: Further columns by their heads.
    """
    extra = dict(more or {})
    rows: list[Line] = []
    for row, cells in found.lines:
        shown = (number(found.block, found.column, cells.get(p, _ABSENT)) for p in found.parts)
        rows.append((row.title, *shown, *(make(row, cells) for make in extra.values())))
    heads = ("model", *(head(part) for part in found.parts), *extra)
    column = found.column
    size = f"Over n = {numbers.grouped(column.n)} data." if column.n != found.block.n else ""
    caption = f"{caption} {size}" if column.n is not None and size else caption
    return Sheet(name, f"{title}: {found.block.protocol.short}", heads, tuple(rows), caption)


_ABSENT = Cell("missing")


def beside_curve(found: Family, row: Row, metric: str) -> Cell | None:
    """The model's headline number of another metric, where it is over the same data."""
    index = found.block.column(metric)
    cell = None if index is None else row.cells[index]
    mine = next((c for r, cells in found.lines if r is row for c in cells.values()), _ABSENT)
    return cell if cell is not None and cell.ok and cell.n == mine.n else None


def curve_sheet(found: Family, name: str) -> Sheet:
    """The bound at each K, its extrapolation, and the exact value where it is known."""

    def other(metric: str) -> Callable[[Row, Cells], str]:
        index = found.block.column(metric) or 0

        def text(row: Row, cells: Cells) -> str:
            cell = beside_curve(found, row, metric)
            return number(found.block, found.block.columns[index], cell) if cell else ""

        return text

    more = {"K → ∞ (estimate)": "iw_extrapolated", "log p(x), exact": "log_likelihood"}
    lines = [row for row, _ in found.lines]
    kept = {k: m for k, m in more.items() if any(beside_curve(found, r, m) for r in lines)}
    caption = (
        f"In {found.column.unit or 'nats'}. The bound rises with K towards log p(x); the estimate"
        " for K → ∞ takes the 1/K term of its bias away and is no bound."
    )
    columns = {head: other(metric) for head, metric in kept.items()}
    title = "Importance-weighted bound against K"
    return part_sheet(found, name, title, caption, lambda part: f"K = {part}", columns)


def rate_sheets(blocks: Sequence[Block]) -> list[Sheet]:
    """Rate and distortion of each model, in nats and in bits."""
    made = [(block, tuple(_rate_rows(block))) for block in blocks]
    return [
        Sheet(
            f"rate-{i}",
            f"Rate and distortion: {block.protocol.short}",
            (
                "model", "rate (nats)", "rate (bits)", "distortion (nats)", "distortion (bits)",
                "rate + distortion (nats)",
            ),
            rows,
            "Rate: KL(q(z|x) ‖ p(z)), what the code spends on an image. Distortion:"
            " −E_q[log p(x|z)], what is left to say once the code is known; with densities it"
            " depends on the pixel scale and may be negative. Their sum is −ELBO. One bit is"
            " ln 2 = 0.693 nats.",
        )
        for i, (block, rows) in enumerate([pair for pair in made if pair[1]], 1)
    ]  # fmt: skip


def _rate_rows(block: Block) -> list[Line]:
    rate, distortion = block.column("kl"), block.column("reconstruction_log_prob")
    if rate is None or distortion is None:
        return []
    columns = block.columns[rate], block.columns[distortion]
    rows = []
    for row in block.rows:
        cells = row.cells[rate], scaled(row.cells[distortion], -1.0)
        if cells[0].ok and cells[1].ok and cells[0].n == cells[1].n:
            texts = [
                number(block, column, scaled(cell, factor))
                for column, cell in zip(columns, cells, strict=True)
                for factor in (1.0, 1 / math.log(2))
            ]
            total = numbers.measured(cells[0].value + cells[1].value, cells[1].stderr)[0]
            rows.append((row.title, *texts, total))
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
