"""The headline comparison: one block per protocol, one row per model, one column per metric.

A cell holds the mean over seeds. Two uncertainties stand beside it and are never mixed: the
standard error over the test set, and the standard deviation between seeds.
May import the standard library, pandas and the readers of this package.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from genbench.reporting import numbers
from genbench.reporting.protocols import Protocol, parse

ARROWS = {"higher": "↑", "lower": "↓"}
LOG_LIKELIHOODS = ("elbo", "iw_log_likelihood", "ais_log_likelihood", "log_likelihood")
_ORDER = (
    *LOG_LIKELIHOODS,
    "bits_per_dim",
    "reconstruction_log_prob",
    "reconstruction_mse",
    "kl",
    "active_units",
)
_ANY_DRAWS = ("elbo", "kl", "bits_per_dim", "reconstruction_log_prob")
_SHARED = ("dataset", "protocol", "split")  # rows that differ in one of these never meet
_WORST_FIRST = ("failed", "diverged", "running", "not_applicable", "ok")
_PER_DIMENSION = r".*\[\d+\]|kl_per_dim"


@dataclass(frozen=True)
class Column:
    """One metric under one set of options and one evaluator version."""

    metric: str
    options: str
    version: int
    unit: str
    better: str
    kind: str

    @property
    def arrow(self) -> str:
        """Which way is better, as one character; empty where neither is."""
        return ARROWS.get(self.better, "")

    @cached_property
    def settings(self) -> str:
        """The options that define the quantity, as text: ``K = 100``.

        The size of chunks changes no number, and draws for an ELBO change only its noise.
        """
        try:
            options = json.loads(self.options or "{}")
        except ValueError:
            return self.options
        shown = dict(options) if isinstance(options, dict) else {}
        hidden = ("chunk_size", "n_samples" if self.metric in _ANY_DRAWS else "")
        names = {"n_samples": "K"}
        return ", ".join(
            f"{names.get(key, key)} = {value}"
            for key, value in shown.items()
            if key not in hidden and value is not None
        )


@dataclass(frozen=True)
class Cell:
    """One number with its two uncertainties, or the reason why there is none."""

    status: str
    value: float = float("nan")
    stderr: float = float("nan")
    seed_sd: float = float("nan")
    n_seeds: int = 0
    n_ok: int = 0
    kind: str = ""
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a number."""
        return self.status == "ok"

    @property
    def word(self) -> str:
        """What stands in the place of a number."""
        return {"not_applicable": "n/a", "missing": "–"}.get(self.status, self.status)

    @property
    def text(self) -> str:
        """Value ± standard error over the test set, or the word for its absence."""
        if not self.ok:
            return self.word
        value, stderr = numbers.measured(self.value, self.stderr)
        return f"{value} ± {stderr}" if stderr else value

    @property
    def seeds_text(self) -> str:
        """Standard deviation between seeds, and how many of them have a number."""
        if not self.ok or self.n_seeds < 2:
            return ""
        of = f", {self.n_ok} of {self.n_seeds} seeds" if self.n_ok < self.n_seeds else ""
        return f"seed sd {numbers.spread(self.seed_sd) or '–'}{of}"


@dataclass(frozen=True)
class Row:
    """One model; ``label`` names the run too where one name stands for two."""

    model: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """Numbers that may be compared with each other, and with no others."""

    dataset: str
    protocol: Protocol
    split: str
    n: int | None
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def column(self, metric: str) -> int | None:
        """Position of the last column of that metric (of the largest options)."""
        found = [i for i, column in enumerate(self.columns) if column.metric == metric]
        return found[-1] if found else None

    @property
    def n_seeds(self) -> int:
        """The largest number of seeds behind one cell."""
        return max((cell.n_seeds for row in self.rows for cell in row.cells), default=0)


def headline(frame: pd.DataFrame, models: Sequence[str] = ()) -> list[Block]:
    """Arrange the test rows in blocks; numbers of two protocols never meet.

    Args:
        frame: What :func:`genbench.reporting.load_results` returns.
        models: Model names in the wanted order; others follow in the order of the table.
    """
    shown = frame[~frame["metric"].str.fullmatch(_PER_DIMENSION)]
    if (shown["split"] == "test").any():
        shown = shown[shown["split"] == "test"]
    order = [*models, *(name for name in shown["model"].unique() if name not in models)]
    shown = shown.assign(_rank=shown["model"].map(order.index)).sort_values("_rank", kind="stable")
    groups = shown.groupby(list(_SHARED), sort=False)
    return [_block(group) for _, group in groups]


def _block(group: pd.DataFrame) -> Block:
    dataset, protocol, split = (str(group[name].iloc[0]) for name in _SHARED)
    group = group.assign(_label=_labels(group), evaluator_version=_versions(group))
    keys = ["metric", "options", "evaluator_version"]
    found = (_column(rows) for _, rows in group.groupby(keys, sort=False))
    columns = sorted(found, key=_position)
    labels = group[["model", "_label"]].drop_duplicates().itertuples(index=False, name=None)
    rows = tuple(_row(model, label, columns, group) for model, label in labels)
    n = group["n"].dropna()
    count = int(n.max()) if len(n) else None
    return Block(dataset, parse(protocol), split, count, tuple(columns), rows)


def _labels(group: pd.DataFrame) -> pd.Series:
    runs = group.groupby(["model", "seed"])["train_id"].transform("nunique")
    return group["model"].where(runs == 1, group["model"] + " #" + group["train_id"])


def _versions(group: pd.DataFrame) -> pd.Series:
    return group["evaluator_version"].fillna(0).astype("int64")


def _column(rows: pd.DataFrame) -> Column:
    names = ("metric", "options", "unit", "better", "kind")
    metric, options, unit, better, kind = (str(rows[name].mode().iloc[0]) for name in names)
    version = int(rows["evaluator_version"].iloc[0])
    return Column(metric, options, version, unit, better, kind)


def _position(column: Column) -> tuple[int, str, int, int, str]:
    known = _ORDER.index(column.metric) if column.metric in _ORDER else len(_ORDER)
    size = re.search(r"\d+", column.settings)
    place = int(size.group()) if size else 0
    return known, column.metric, column.version, place, column.options


def _row(model: str, label: str, columns: Sequence[Column], group: pd.DataFrame) -> Row:
    mine = group[group["_label"] == label]
    by_column = dict(iter(mine.groupby(["metric", "options", "evaluator_version"])))
    keys = ((column.metric, column.options, column.version) for column in columns)
    return Row(model, label, tuple(cell_of(by_column.get(key)) for key in keys))


def cell_of(rows: pd.DataFrame | None) -> Cell:
    """Summarise the rows of one model and metric, one per seed.

    The standard error is the mean of the seeds' standard errors: they share the test set, and
    that mean is an upper limit of the standard error of the mean value.
    """
    if rows is None:
        return Cell("missing", reason="not evaluated")
    ok = rows[rows["status"] == "ok"]
    status = "ok" if len(ok) else next(s for s in _WORST_FIRST if s in set(rows["status"]))
    reasons = dict.fromkeys(reason for reason in rows["reason"] if reason)
    kind = ok if len(ok) else rows
    return Cell(
        status=status,
        value=float(ok["value"].mean()),
        stderr=float(ok["stderr"].mean()),
        seed_sd=float(ok["value"].std(ddof=1)),
        n_seeds=len(rows),
        n_ok=len(ok),
        kind=str(kind["kind"].iloc[0]),
        reason="; ".join(reasons),
    )


def uncertainty_caption(block: Block) -> str:
    """Say what stands behind ± in this block, and what does not."""
    images = f"the {numbers.grouped(block.n)} {block.split} images" if block.n else "the images"
    error = f"± is the standard error over {images}"
    if block.n_seeds < 2:
        return f"{error}. There is one training seed, so nothing is said about other seeds."
    return (
        f"Values are means over {block.n_seeds} seeds. {error} (the mean of the"
        " seeds' standard errors). The spread between seeds stands apart as 'seed sd', the sample"
        " standard deviation of the seeds' values; it is not part of ±."
    )
