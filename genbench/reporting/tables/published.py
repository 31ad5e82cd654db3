"""What papers report beside what we measured, with the source and what differs."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    heads_of,
    measured_cell,
    row_of,
)
from genbench.results.blocks import SHARED, cell_of, column_of
from genbench.results.cells import Cell, Column, marks, words
from genbench.results.records import PublishedRecord
from genbench.results.suite import StoredSuite

HEADS = (
    "model",
    "metric",
    "published",
    "ours",
    "ours − published",
    "how ours was measured",
    "source",
    "note on the protocol",
    "checked",
)
_WORDS = ("model", "metric", *HEADS[5:])
_TAGS = {
    "S": "read in the source itself",
    "Q": "read in a third party that quotes or reproduces it",
    "R": "recollection, not verified",
    "D": "derived by arithmetic",
}
CAPTION = (
    "Published values have the sign and unit of our metric. ± of ours is the standard error over"
    " the test set; MC (finitely many draws) and the spread between seeds stand below it and are"
    " never added to it. ± of a published value is what its source states, of whatever kind. A"
    " difference is no verdict: K, split, binarisation and training budget may differ, as the note"
    " says and as the column beside it shows."
)


def published_table(suite: StoredSuite) -> SmallTable:
    """A row for each published value and each number of ours that answers it."""
    entries = suite.record.published
    rows = tuple(row for entry in entries for row in _rows(entry, suite))
    metrics = (suite.metrics.get(entry.metric.partition("[")[0]) for entry in entries)
    warnings = tuple(metric.warning for metric in metrics if metric)
    tags = dict.fromkeys((entry.tag or "").strip("[]") for entry in entries)
    known = "; ".join(f"{tag}: {_TAGS[tag]}" for tag in tags if tag in _TAGS)
    caption = f"{CAPTION} Checked — {known}." if known else CAPTION
    heads = heads_of(*HEADS, words=_WORDS)
    title = "Published against ours"
    return SmallTable("published", title, heads, rows, caption, in_latex=False, warnings=warnings)


def _rows(entry: PublishedRecord, suite: StoredSuite) -> Iterator[Row]:
    rows = suite.rows
    mine = rows[(rows["model"] == entry.model) & (rows["metric"] == entry.metric)]
    said = _said(entry)
    about = (entry.source, entry.note, entry.tag or "")
    keys = [*SHARED, "options", "evaluator_version", "_label"]
    for _, group in mine.groupby(keys, sort=False):
        column, cell = column_of(group, suite.metrics), cell_of(group)
        how = _how(group, column, cell)
        label = TableCell(str(group["_label"].iloc[0]), model=entry.model)
        ours = (_ours(column, cell), _apart(entry, cell))
        yield row_of(label, entry.metric, said, *ours, how, *about)
    if not len(mine):
        label = TableCell(entry.model, model=entry.model)
        yield row_of(label, entry.metric, said, "–", "", "not in these results", *about)


def _said(entry: PublishedRecord) -> TableCell:
    error = "" if entry.stderr is None else f"{entry.stderr:.10g}"
    return TableCell(f"{entry.value:.10g}", error, value=entry.value)


def _ours(column: Column, cell: Cell) -> TableCell:
    if not cell.ok:
        return TableCell(cell.word)
    below = tuple(part for part in (cell.mc_text, cell.seeds_text) if part)
    return measured_cell(cell.value, cell.stderr, marks(column, cell), below)


def _apart(entry: PublishedRecord, cell: Cell) -> TableCell:
    if not cell.ok:
        return TableCell()
    return replace(measured_cell(cell.value - entry.value, cell.stderr, signed=True), error="")


def _how(group: pd.DataFrame, column: Column, cell: Cell) -> str:
    if not cell.ok:
        return cell.reason
    protocol, split = Protocol.parse(str(group["protocol"].iloc[0])), str(group["split"].iloc[0])
    size = f"{numbers.grouped(cell.n)} {split} data" if cell.n is not None else split
    parts = (words(cell.kind), column.settings, size, protocol.short)
    return ", ".join(part for part in parts if part)
