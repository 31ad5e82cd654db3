"""What papers report beside what we measured, with the source and what differs."""

from collections.abc import Iterator

import pandas as pd

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.reporting.tables.small_table import Line, SmallTable
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
_TEXTS = (0, 1, 5, 6, 7, 8)
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
    lines = tuple(line for entry in entries for line in _lines(entry, suite))
    metrics = (suite.metrics.get(entry.metric.partition("[")[0]) for entry in entries)
    warnings = tuple(metric.warning for metric in metrics if metric)
    tags = dict.fromkeys((entry.tag or "").strip("[]") for entry in entries)
    known = "; ".join(f"{tag}: {_TAGS[tag]}" for tag in tags if tag in _TAGS)
    caption = f"{CAPTION} Checked — {known}." if known else CAPTION
    return SmallTable(
        "published", "Published against ours", HEADS, lines, caption, _TEXTS, False, warnings
    )


def _lines(entry: PublishedRecord, suite: StoredSuite) -> Iterator[Line]:
    rows = suite.rows
    mine = rows[(rows["model"] == entry.model) & (rows["metric"] == entry.metric)]
    said = _said(entry)
    about = (entry.source, entry.note, entry.tag or "")
    keys = [*SHARED, "options", "evaluator_version", "_label"]
    for _, group in mine.groupby(keys, sort=False):
        column, cell = column_of(group, suite.metrics), cell_of(group)
        how = _how(group, column, cell)
        label = str(group["_label"].iloc[0])
        yield (label, entry.metric, said, _ours(column, cell), _apart(entry, cell), how, *about)
    if not len(mine):
        yield (entry.model, entry.metric, said, "–", "", "not in these results", *about)


def _said(entry: PublishedRecord) -> str:
    if entry.stderr is None:
        return f"{entry.value:.10g}"
    return " ± ".join(f"{value:.10g}" for value in (entry.value, entry.stderr))


def _ours(column: Column, cell: Cell) -> str:
    below = "; ".join(part for part in (cell.mc_text, cell.seeds_text) if part)
    first = f"{cell.text}{marks(column, cell)}"
    return f"{first}\n{below}" if below else first


def _apart(entry: PublishedRecord, cell: Cell) -> str:
    if not cell.ok:
        return ""
    text = numbers.measured(cell.value - entry.value, cell.stderr)[0]
    return text if text.startswith("-") else f"+{text}"


def _how(group: pd.DataFrame, column: Column, cell: Cell) -> str:
    if not cell.ok:
        return cell.reason
    protocol, split = Protocol.parse(str(group["protocol"].iloc[0])), str(group["split"].iloc[0])
    size = f"{numbers.grouped(cell.n)} {split} data" if cell.n is not None else split
    parts = (words(cell.kind), column.settings, size, protocol.short)
    return ", ".join(part for part in parts if part)
