"""The headline comparison: one block per protocol, one row per model, one column per metric.

A cell holds the mean over seeds. Three uncertainties stand beside it and are never mixed: the
standard error over the test set, the Monte-Carlo standard error, and the standard deviation
between seeds.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_string_dtype

from genbench.core.metric import Metric, Metrics
from genbench.core.protocol import LABEL, Protocol
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock, SeedValue
from genbench.results.metrics_table import OPTIONAL, health_of

SHARED = ("dataset", "protocol", "split")
"""Rows that differ in one of these never meet."""
MOST_REASONS = 20
"""Reasons of different seeds that a cell gives one by one."""
_WORST_FIRST = ("failed", "diverged", "running", "not_applicable", "ok")
_PART = r".*\[.*\]"
_KEY = ["metric", "options", "evaluator_version"]


def blocks_of(
    frame: pd.DataFrame,
    metrics: Metrics,
    models: Sequence[str] = (),
    controls: Collection[str] = (),
    elsewhere: Collection[str] = (),
    closed_form: Mapping[str, bool | None] = MappingProxyType({}),
) -> list[ProtocolBlock]:
    """Arrange the test rows in blocks; numbers of two protocols never meet.

    Args:
        frame: A table with the columns of ``metrics.csv``.
        metrics: Records of its metrics by name; a metric without one is treated as undeclared.
        models: Model names in the order of the rows; others follow as in the table.
        controls: Names of models that are there to be compared with, and win nothing.
        elsewhere: Names of models that were trained elsewhere.
        closed_form: Whether each model is fitted without an optimiser, where that is known.
    """
    rows = arranged(frame, models)
    noted = {
        "trained elsewhere": _everywhere(rows, elsewhere),
        "label summed out": _summed_out(rows),
    }
    in_parts = {name for name, metric in metrics.items() if metric.parts}
    shown = rows[~rows["metric"].str.fullmatch(_PART) & ~rows["metric"].isin(in_parts)]
    groups = shown.groupby(list(SHARED), sort=False)
    return [_block(group, metrics, controls, noted, closed_form) for _, group in groups]


def arranged(frame: pd.DataFrame, models: Sequence[str] = ()) -> pd.DataFrame:
    """The test rows, models in this order, with the name of each row in ``_label``."""
    rows = frame.assign(**{k: v for k, v in OPTIONAL.items() if k not in frame})
    texts = (name for name, kind in rows.dtypes.items() if is_string_dtype(kind))
    rows = rows.astype(dict.fromkeys(texts, object))  # quicker to take apart
    if (rows["split"] == "test").any():
        rows = rows[rows["split"] == "test"]
    order = [*models, *(name for name in rows["model"].unique() if name not in models)]
    place = {name: i for i, name in reversed([*enumerate(order)])}
    rows = rows.assign(_rank=rows["model"].map(place)).sort_values("_rank", kind="stable")
    version = rows["evaluator_version"].fillna(0).astype("int64")
    return rows.assign(_label=_labels(rows), evaluator_version=version)


def _labels(rows: pd.DataFrame) -> pd.Series:
    runs = rows.groupby([*SHARED, "model", "seed"])["train_id"].transform("nunique")
    return rows["model"].where(runs == 1, rows["model"] + " #" + rows["train_id"])


def _everywhere(rows: pd.DataFrame, models: Collection[str]) -> set[tuple[str, str]]:
    """(protocol, model) of these models."""
    pairs = zip(rows["protocol"], rows["model"], strict=True)
    return {(protocol, model) for protocol, model in pairs if model in models}


def _summed_out(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """(protocol, model) where a conditional model stands without its condition."""
    pairs = set(zip(rows["protocol"], rows["model"], strict=True))
    given = [(p, m) for p, m in pairs if Protocol.parse(p).condition == LABEL]
    return pairs & {(Protocol.parse(p).without_label.text, m) for p, m in given}


def _block(
    group: pd.DataFrame,
    metrics: Metrics,
    controls: Collection[str],
    noted: Mapping[str, Collection[tuple[str, str]]],
    closed_form: Mapping[str, bool | None],
) -> ProtocolBlock:
    dataset, protocol, split = (str(group[name].iloc[0]) for name in SHARED)
    columns = sorted(
        (column_of(rows, metrics) for _, rows in group.groupby(_KEY, sort=False)), key=_position
    )
    rows = []
    for label, mine in group.groupby("_label", sort=False):
        model = str(mine["model"].iloc[0])
        note = ", ".join(words for words, pairs in noted.items() if (protocol, model) in pairs)
        cells = _cells(mine, columns, closed_form.get(model))
        rows.append(ModelRow(model, str(label), cells, model in controls, note))
    known = Protocol.parse(protocol)
    n = _usual(group["n"].dropna(), known.sizes[2])
    return ProtocolBlock(dataset, known, split, n, tuple(columns), tuple(rows))


def _usual(n: pd.Series, whole: int) -> int | None:
    """The size of the whole test set where any number is over it, else the most frequent size."""
    if (n == whole).any():
        return whole
    return int(n.mode().max()) if len(n) else None


def column_of(rows: pd.DataFrame, metrics: Metrics) -> Column:
    """The column that rows of one metric, options and version share."""
    ok = rows[rows["status"] == "ok"]
    shown = ok if len(ok) else rows
    names = ("metric", "options", "unit", "better", "kind")
    metric, options, unit, better, kind = (_most_frequent(shown[name]) for name in names)
    version = int(rows["evaluator_version"].iloc[0])
    record = metrics.get(metric.partition("[")[0])
    record = record or Metric.undeclared(metric, unit, better, kind, version)
    return Column(metric, options, version, unit, better, kind, record, _common(ok["n"]))


def _most_frequent(texts: Iterable[str]) -> str:
    """The text that occurs most often, of several the first in the alphabet."""
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], text))


def _common(n: Iterable[int]) -> int | None:
    known = {int(size) for size in n if pd.notna(size)}
    return known.pop() if len(known) == 1 else None


def _position(column: Column) -> tuple[int, str, int, int, str]:
    size = re.search(r"\d+", column.settings)
    place = int(size.group()) if size else 0
    return column.record.place, column.metric, column.version, place, column.options


def _cells(
    mine: pd.DataFrame, columns: Sequence[Column], closed_form: bool | None
) -> tuple[Cell, ...]:
    by_column = dict(iter(mine.groupby(_KEY)))
    return tuple(cell_of(by_column.get(column.key), closed_form) for column in columns)


class _Number(NamedTuple):
    """What a row says of one seed; plain values, which are read quicker than a table's."""

    status: str
    value: float
    stderr: float
    mc_stderr: float | str
    n: int
    kind: str
    reason: str
    health: str
    seed: int
    train_id: str


def cell_of(rows: pd.DataFrame | None, closed_form: bool | None = None) -> Cell:
    """Summarise the rows of one model and metric, one per seed.

    The standard error is the mean of the seeds' standard errors: they share the test set, and
    that mean is an upper limit of the standard error of the mean value. So it is for Monte Carlo.
    Of several kinds an ``estimate`` is left.
    """
    if rows is None:
        return Cell("missing", reason="not evaluated")
    columns = (rows[name].tolist() for name in _Number._fields)
    every = [_Number(*row) for row in zip(*columns, strict=True)]
    ok = [row for row in every if row.status == "ok"]
    statuses, kinds = {row.status for row in every}, {row.kind for row in ok or every}
    values = _known(row.value for row in ok)
    return Cell(
        status="ok" if ok else next(s for s in _WORST_FIRST if s in statuses),
        value=_mean(values),
        stderr=_mean(_known(row.stderr for row in ok)),
        mc_stderr=_mean(_known(row.mc_stderr for row in ok)),
        seed_sd=float(values.std(ddof=1)) if len(values) > 1 else math.nan,
        n_seeds=len(every),
        n_ok=len(ok),
        n=_common(row.n for row in ok),
        kind=kinds.pop() if len(kinds) == 1 else "estimate",
        reason=_reasons(row.reason for row in every),
        health=_health([health_of(row.health) for row in ok]),
        seeds=tuple(SeedValue(int(row.seed), row.train_id, float(row.value)) for row in ok),
        closed_form=closed_form,
    )


def _known(values: Iterable[float | str]) -> NDArray[np.float64]:
    numbers = (math.nan if value == "" else float(value) for value in values)
    return np.array([number for number in numbers if not math.isnan(number)])


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _reasons(texts: Iterable[str]) -> str:
    """What the seeds say, each sentence once, and how many more there are of very many."""
    known = [*dict.fromkeys(text for text in texts if text)]
    more = len(known) - MOST_REASONS
    return "; ".join([*known[:MOST_REASONS], *([f"and {more} more reasons"] if more > 0 else [])])


def _health(seeds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Over seeds: the worst k-hat, p-value and sample size, the mean of everything else."""
    worst = {"k_hat": max, "k_hat_bad": max, "p_value": max, "ess_min": min}
    names = sorted({name for health in seeds for name in health})
    values = {name: [health[name] for health in seeds if name in health] for name in names}
    return {k: worst[k](v) if k in worst else sum(v) / len(v) for k, v in values.items()}
