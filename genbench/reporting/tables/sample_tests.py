"""What stands beside a number of samples: p-values, the area under a curve, a perfect model's."""

from collections.abc import Iterator, Mapping, Sequence

from genbench.core import numbers
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    count_cell,
    heads_of,
    measured_cell,
    model_cell,
    row_of,
)
from genbench.results.cells import ProtocolBlock

P_VALUE = "p_value"
BESIDE = {
    "auc": "AUC",
    P_VALUE: "p",
    "null": "of a perfect model",
    "total_variation": "total variation",
}
"""Stored as diagnostics of a number, and what each is called."""
ABOUT = (
    "AUC: how often a classifier scores a sample above a training image, ½ for a perfect model. p:"
    " probability of a number as extreme as this, or more so (of memorisation_z: as low), for a"
    " perfect model, of each row by itself: of many rows some are small by chance. Total variation:"
    " between the shares of the classes among samples and data, 0 to 1."
)
_NAMED = ("model", "metric", "settings")


def beside_cell(name: str, health: Mapping[str, float]) -> TableCell:
    """Return what is called so beside a number, empty where there is nothing."""
    if name not in health:
        return TableCell()
    value = health[name]
    if name != P_VALUE:
        return TableCell(numbers.plain(value, 3), value=value)
    return TableCell(numbers.p_value(value).removeprefix("p ").removeprefix("= "), value=value)


def sample_test_tables(blocks: Sequence[ProtocolBlock]) -> list[SmallTable]:
    """Return a table per block, with a row per model and metric that has any of it."""
    rows_of = [(block, tuple(_rows(block))) for block in blocks]
    tested = [(block, rows) for block, rows in rows_of if rows]
    heads = heads_of(*_NAMED, "n", "value", *BESIDE.values(), words=_NAMED)
    caption = f"{ABOUT} Over seeds: the largest p, the mean of the rest."
    return [
        SmallTable(
            f"sample-tests-{i}", f"Tests of samples: {block.protocol.short}", heads, rows, caption
        ).without_empty()
        for i, (block, rows) in enumerate(tested, 1)
    ]


def _rows(block: ProtocolBlock) -> Iterator[Row]:
    for row in block.rows:
        for column, cell in zip(block.columns, row.cells, strict=True):
            if cell.ok and not BESIDE.keys().isdisjoint(cell.health):
                about = (model_cell(row), column.metric, column.settings, count_cell(cell.n))
                beside = (beside_cell(name, cell.health) for name in BESIDE)
                yield row_of(*about, measured_cell(cell.value, cell.error), *beside)
