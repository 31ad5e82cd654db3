"""What papers report beside what we measured, with the source and what differs."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

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
    "share of the published schedule",
    "how ours was measured",
    "source",
    "note on the protocol",
    "checked",
)
_WORDS = ("model", "metric", *HEADS[5:])
_DIFFERENCE, _SHARE = (
    HEADS.index("ours − published"),
    HEADS.index("share of the published schedule"),
)
LEAST_SHARE = 0.1
"""Below this share of a published schedule, a number of ours answers no published one."""
_TAGS = {
    "S": "read in the source itself",
    "Q": "read in a third party that quotes or reproduces it",
    "R": "recollection, not verified",
    "D": "derived by arithmetic",
}
_ERRORS = (
    "Published values have the sign and unit of our metric. ± of ours is the standard error over"
    " the test set; MC (finitely many draws) and the spread between seeds stand below it and are"
    " never added to it. ± of a published value is what its source states, of whatever kind."
)
CAPTION = (
    f"{_ERRORS} A difference is no verdict: K, split, binarisation and training budget may differ,"
    " as the note says and as the column beside it shows."
)
SHORT = "Not a comparison: short schedules"
_SHORT_LEAD = (
    f"These models trained, or these estimators ran, for less than {100 * LEAST_SHARE:.0f} % of"
    " what the sources state. The numbers stand here to show the protocol; neither speaks for or"
    " against the other."
)


def published_tables(suite: StoredSuite) -> list[SmallTable]:
    """Ours beside published values; below, apart, those that come from too short a schedule."""
    rows = [row for entry in suite.record.published for row in _rows(entry, suite)]
    compared = tuple(row for row in rows if not _is_short(row))
    short = tuple(row for row in rows if _is_short(row))
    tables = (
        _table(suite, "published", "Published against ours", CAPTION, compared),
        replace(_table(suite, "published-short", SHORT, _ERRORS, short), lead=_SHORT_LEAD).only(
            [i for i in range(len(HEADS)) if i != _DIFFERENCE]
        ),
    )
    return [table.without_empty() for table in tables if table.rows]


def _is_short(row: Row) -> bool:
    share = row[_SHARE].value
    return share is not None and share < LEAST_SHARE


def _table(
    suite: StoredSuite, name: str, title: str, caption: str, rows: tuple[Row, ...]
) -> SmallTable:
    entries = suite.record.published
    metrics = (suite.metrics.get(entry.metric.partition("[")[0]) for entry in entries)
    warnings = tuple(metric.warning for metric in metrics if metric)
    tags = dict.fromkeys((entry.tag or "").strip("[]") for entry in entries)
    known = "; ".join(f"{tag}: {_TAGS[tag]}" for tag in tags if tag in _TAGS)
    said = f"{caption} Checked — {known}." if known else caption
    heads = heads_of(*HEADS, words=_WORDS)
    return SmallTable(name, title, heads, rows, said, in_latex=False, warnings=warnings)


def _rows(entry: PublishedRecord, suite: StoredSuite) -> Iterator[Row]:
    rows = suite.rows
    mine = rows[(rows["model"] == entry.model) & (rows["metric"] == entry.metric)]
    said = _said(entry)
    about = (entry.source, entry.note, entry.tag or "")
    keys = [*SHARED, "options", "evaluator_version", "_label"]
    for _, group in mine.groupby(keys, sort=False):
        column, cell = column_of(group, suite.metrics), cell_of(group)
        share = _share(entry, _amounts(suite, column, set(group["train_id"])))
        label = TableCell(str(group["_label"].iloc[0]), model=entry.model)
        ours = (_ours(column, cell), _apart(entry, cell), share)
        yield row_of(label, entry.metric, said, *ours, _how(group, column, cell), *about)
    if not len(mine):
        label = TableCell(entry.model, model=entry.model)
        yield row_of(label, entry.metric, said, "–", "", "", "not in these results", *about)


def _amounts(suite: StoredSuite, column: Column, runs: Collection[str]) -> dict[str, Any]:
    """What our number took: the epochs of its runs, and the options of its metric."""
    epochs = [run.train.get("epochs") for run in suite.record.runs if run.train_id in runs]
    with suppress(ValueError):  # options of another form state no amount
        return {"epochs": epochs[0] if epochs else None, **json.loads(column.options or "{}")}
    return {}


def _share(entry: PublishedRecord, ours: Mapping[str, Any]) -> TableCell:
    """The share of each published amount that ours had; more than all of it is all."""
    amounts = {name: ours.get(name) for name in entry.schedule}
    shares = {
        name: min(amount / entry.schedule[name], 1.0)
        for name, amount in amounts.items()
        if isinstance(amount, int | float)
    }
    of = (
        f"{100 * share:.3g} % of {numbers.grouped(entry.schedule[name])} {_in_words(name)}"
        for name, share in shares.items()
    )
    known = ", ".join(of) or ("not known" if ours.get("epochs") else "")
    return TableCell(known, value=min(shares.values(), default=None))


def _in_words(name: str) -> str:
    return name.removeprefix("n_").replace("_", " ")


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
