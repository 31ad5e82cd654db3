"""The runs of a suite, one by one."""

from collections.abc import Sequence

from genbench.core import numbers
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    heads_of,
    plain_cell,
    row_of,
)
from genbench.results.records import StoredRun

MOST_RUNS = 500
"""Runs that are listed one by one."""


def runs_table(runs: Sequence[StoredRun]) -> SmallTable:
    """Each run: its folder, how it ended, its protocol."""
    words = ("model", "status", "protocol")
    heads = heads_of("run", "model", "seed", "status", "protocol", words=words)
    n = numbers.grouped(len(runs))
    few = len(runs) <= MOST_RUNS
    caption = "" if few else f"The first {MOST_RUNS} of {n} runs; suite.json lists all."
    return SmallTable("runs", "Runs", heads, tuple(map(_run, runs[:MOST_RUNS])), caption)


def _run(run: StoredRun) -> Row:
    name = TableCell(run.train_id, model=run.model)
    return row_of(name, run.model, plain_cell(run.seed), _ended(run), run.protocol)


def _ended(run: StoredRun) -> str:
    return f"{run.status}: {run.reason}" if run.reason else run.status
