"""The table of somebody's samples: a row for each metric, controls beside them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from genbench.core import numbers
from genbench.reporting.tables.sample_tests import ABOUT, BESIDE, beside_cell
from genbench.reporting.tables.small_table import Head, Row, SmallTable, TableCell, measured_cell
from genbench.results.cells import ARROWS
from genbench.results.metrics_table import health_of

_DIGITS = 3
"""Of a control's number."""
_ABOUT = (
    "± is the standard error of the samples' number, where it has one. The other columns are"
    f" controls: real images, or made of them. {ABOUT}"
)


def score_table(frame: pd.DataFrame, title: str) -> SmallTable:
    """Return the table of :func:`genbench.score`: its first model are the samples, others controls.

    What stands beside a number, such as a p-value, has a row of its own below it.

    Args:
        frame: Rows with ``model``, ``metric``, ``value``, ``stderr``, ``n``, ``better`` and
            ``reason``, and ``health`` where anything stands beside a number.
        title: Above the table.
    """
    models = list(dict.fromkeys(frame["model"]))
    known = {(row["model"], row["metric"]): row for row in frame.to_dict("records")}
    sizes = [frame.loc[frame["model"] == model, "n"].max() for model in models]
    heads = (Head("metric", words=True), *map(partial(_head, usual=sizes[0]), models, sizes))
    metrics = dict.fromkeys(frame["metric"])
    rows = tuple(
        row
        for metric in metrics
        for row in _rows(metric, [known.get((model, metric), {}) for model in models])
    )
    return SmallTable("scores", title, heads, rows, caption=_ABOUT)


def _head(model: str, n: Any, usual: Any) -> Head:
    """Return the name of a set, and its size where it is another than that of the samples."""
    other = not (pd.isna(n) or pd.isna(usual) or n == usual)
    return Head(model, below=(f"n = {numbers.grouped(n)}",) if other else ())


def _rows(metric: str, found: Sequence[Mapping[Any, Any]]) -> Iterator[Row]:
    yield _row(metric, found)
    beside = [health_of(row.get("health")) for row in found]
    for name, called in BESIDE.items():
        if any(name in health for health in beside):
            about = TableCell(f"{metric.partition('[')[0]}: {called}")
            yield (about, *(beside_cell(name, health) for health in beside))


def _row(metric: str, found: Sequence[Mapping[Any, Any]]) -> Row:
    arrow = ARROWS.get(next((row["better"] for row in found if row), ""), "")
    samples, *controls = found
    name = TableCell(f"{metric} {arrow}".strip())
    return (name, _cell(samples, with_error=True), *map(_cell, controls))


def _cell(row: Mapping[Any, Any], *, with_error: bool = False) -> TableCell:
    if not row or not math.isfinite(row["value"]):
        return TableCell("–", note=row.get("reason", ""))
    if with_error:
        return replace(measured_cell(row["value"], row["stderr"]), note=row["reason"])
    return TableCell(numbers.plain(row["value"], _DIGITS), value=row["value"])
