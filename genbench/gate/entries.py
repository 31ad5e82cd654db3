"""One number of a baseline: a metric's mean over seeds, and its identity."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveFloat, model_validator

from genbench.core.metric import Metric, Metrics
from genbench.core.options import Options
from genbench.core.protocol import Protocol

Key = tuple[str, str, str, str]
_SCALE = re.compile(r"(normal)\([^()]*\)$")  # a fitted scale is a result, not a name
_STATED = ("model", "metric", "split", "protocol", "better", "unit", "kind", "options")
_BROKEN = ("failed", "diverged")
DENSITY_FACTOR = 6.0
"""How much more log densities of grey levels vary between seeds than log probabilities."""


class Entry(Options):
    """One line of a baseline.

    Attributes:
        values: The metric's value for each seed, in the order of ``seeds``.
        sd: Standard deviation of ``values``; None with one seed.
        stderr: Standard error over the test set, mean over seeds; None if unknown.
        margin: The largest difference of no interest, in ``unit``; None if undeclared.
        own_error: Whether ``stderr`` holds all noise but that of training; by the metric's record,
            so that no file states it.
    """

    model: str
    metric: str
    split: str
    protocol: str
    better: str
    unit: str
    kind: str
    options: str
    version: NonNegativeInt
    n: NonNegativeInt
    seeds: tuple[int, ...] = Field(min_length=1)
    train_ids: tuple[str, ...]
    values: tuple[FiniteFloat, ...]
    mean: FiniteFloat
    sd: FiniteFloat | None
    stderr: FiniteFloat | None
    margin: PositiveFloat | None
    own_error: bool = Field(default=False, exclude=True)

    @model_validator(mode="after")
    def _one_value_per_seed(self) -> "Entry":
        if not len(self.seeds) == len(self.train_ids) == len(self.values):
            raise ValueError("seeds, train_ids and values must have the same length")
        return self

    @property
    def key(self) -> Key:
        """What identifies the number in its table."""
        return self.model, self.metric, self.split, self.protocol

    @property
    def name(self) -> str:
        """Model and metric, with any condition and with a split other than test."""
        return f"{self.model} {self.label}"

    @property
    def label(self) -> str:
        """Metric, with any condition and with a split other than test."""
        condition = Protocol.parse(self.protocol).condition
        given = f" given {condition}" if condition else ""
        return f"{self.metric}{given}{'' if self.split in ('test', '') else f' on {self.split}'}"

    @property
    def sign(self) -> float:
        """+1 if higher is better, -1 if lower is, 0 if neither."""
        return {"higher": 1.0, "lower": -1.0}.get(self.better, 0.0)


@dataclass(frozen=True)
class Absent:
    """A number that a run did not produce, and the reason."""

    model: str
    metric: str
    split: str
    seed: int
    status: str
    reason: str

    @property
    def is_failure(self) -> bool:
        """Whether the run should have produced it."""
        return self.status in _BROKEN

    @property
    def cause(self) -> str:
        """Seed, status and reason, on one line."""
        reason = " ".join(self.reason.split())
        return f"seed {self.seed} {self.status.replace('_', ' ')}: {reason}"


class Absence:
    """The numbers that are absent, found by the entry that each explains."""

    def __init__(self, numbers: Iterable[Absent]) -> None:
        self._known: dict[tuple[str, str, str], list[Absent]] = {}
        for number in numbers:
            self._known.setdefault(_place(number), []).append(number)

    def of(self, entry: Entry) -> list[Absent]:
        """Return the numbers that explain why an entry is missing; a metric covers its parts."""
        return self._known.get(_place(entry), [])


def _place(number: Entry | Absent) -> tuple[str, str, str]:
    return number.model, number.split, number.metric.partition("[")[0]


def stable_name(label: str) -> str:
    """Return a row's name without its fitted scale.

    Example:
        >>> stable_name("gan+normal(0.13 to 0.14)"), stable_name("ae, normal(0.1)")
        ('gan+normal', 'ae, normal')
    """
    return _SCALE.sub(r"\1", label)


def entries_of(frame: pd.DataFrame, metrics: Metrics) -> list[Entry]:
    """Return the numbers of a suite's table that the gate compares, sorted by key.

    It leaves out metrics that are declared as not gated, parts without a direction such as
    ``kl_per_dim[3]`` (the third dimension differs from seed to seed), and numbers that failed for
    any seed; see :func:`absent`.

    Args:
        frame: A table with the columns of ``metrics.csv``.
        metrics: Records of its metrics by name.

    Raises:
        ValueError: A seed has two rows with the same key, or seeds measured different things.
    """
    rows = _named(frame)
    broken = rows[rows["status"].isin(_BROKEN)]
    lost = set(zip(broken["model"], broken["whole"], broken["split"], strict=True))
    is_lost = [key in lost for key in zip(rows["model"], rows["whole"], rows["split"], strict=True)]
    ungated = [name for name, metric in metrics.items() if not metric.gated]
    undirected_part = (rows["metric"] != rows["whole"]) & (rows["better"] == "none")
    left_out = undirected_part | rows["whole"].isin(ungated) | np.array(is_lost, dtype=bool)
    kept = rows[(rows["status"] == "ok") & ~left_out]
    groups = kept.groupby(["model", "metric", "split", "protocol"], sort=True, dropna=False)
    return [_entry(group.sort_values("seed"), metrics) for _, group in groups]


def absent(frame: pd.DataFrame) -> list[Absent]:
    """Return the rows of a table without a number."""
    rows = _named(frame)
    columns = ("model", "metric", "split", "seed", "status", "reason")
    return [Absent(*(row[c] for c in columns)) for row in _records(rows[rows["status"] != "ok"])]


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the metric that a row is part of, and remove fitted scales from model names."""
    whole = frame["metric"].map(lambda metric: metric.partition("[")[0])
    return frame.assign(model=frame["model"].map(stable_name), whole=whole)


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from ({str(k): v for k, v in row.items()} for row in frame.to_dict("records"))


def _entry(group: pd.DataFrame, metrics: Metrics) -> Entry:
    rows = list(_records(group))
    first, name = rows[0], f"{rows[0]['model']} {rows[0]['metric']}"
    if group["seed"].duplicated().any():
        raise ValueError(f"{name}: two rows for one seed")
    for column in ("n", "options", "evaluator_version", "kind", "better", "unit"):
        if group[column].nunique(dropna=False) > 1:
            raise ValueError(f"{name}: seeds differ in {column}")
    values, version = [float(row["value"]) for row in rows], int(first["evaluator_version"])
    shared = (first["metric"], first["unit"], first["better"], first["kind"])
    record = metrics.get(first["whole"]) or Metric.undeclared(*shared, version)
    return Entry(
        **{name: first[name] for name in _STATED},
        version=version,
        n=0 if pd.isna(first["n"]) else int(first["n"]),
        seeds=tuple(int(row["seed"]) for row in rows),
        train_ids=tuple(row["train_id"] for row in rows),
        values=tuple(values),
        mean=float(np.mean(values)),
        sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        stderr=_mean_known([row["stderr"] for row in rows]),
        margin=default_margin(record, Protocol.parse(first["protocol"])),
        own_error=record.own_error,
    )


def default_margin(metric: Metric, protocol: Protocol) -> float | None:
    """Return the margin that a metric declares, or None."""
    is_density = metric.log_density and protocol.measure == "density"
    if metric.margin is None or not is_density:
        return metric.margin
    return metric.margin * DENSITY_FACTOR


def _mean_known(values: Sequence[Any]) -> float | None:
    known = [float(value) for value in values if not pd.isna(value) and math.isfinite(value)]
    return float(np.mean(known)) if known else None
