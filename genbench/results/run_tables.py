"""The tables of a suite's runs that declared figures show: ``history`` and ``metrics``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genbench.core.files import canonical_json
from genbench.core.protocol import Protocol
from genbench.results.records import StoredRun
from genbench.results.run_folder import RunFolder

_NOT_OPTIONS = ("name", "seed")
_LOGGED = re.compile(r"(?P<stage>train|validation)\.(?P<update>[^.]+)\.(?P<what>.+)")


def run_table(
    kind: str, suite_folder: Path, frame: pd.DataFrame, runs: Sequence[StoredRun]
) -> pd.DataFrame:
    """Return the table of a name: ``history`` or ``metrics``."""
    if kind == "history":
        return history_table(suite_folder, runs)
    return metrics_table(frame, runs)


def history_table(suite_folder: Path, runs: Sequence[StoredRun]) -> pd.DataFrame:
    """A row per run and epoch: what was logged, and what the run was asked to be.

    ``samples_seen`` counts training images. What a single update logs as ``train.vae.elbo`` stands
    as ``train_elbo`` too; of several updates, the first that logs it.
    """
    parts = []
    for run in runs:
        history = RunFolder(suite_folder, run.train_id).history()
        if history is not None:
            seen = history["step"] * _batch_size(run) if "step" in history else history["epoch"]
            logged = _plainly_named(history).assign(samples_seen=seen)
            parts.append(logged.assign(**_asked(run, list(logged.columns))))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def metrics_table(frame: pd.DataFrame, runs: Sequence[StoredRun]) -> pd.DataFrame:
    """A row per run: each metric with its ``<metric>_stderr``, and what the run was asked to be.

    A metric that a run could not give is NaN.
    """
    names = [name for metric in frame["metric"].unique() for name in (metric, f"{metric}_stderr")]
    known = _numbers(frame)
    rows = [
        dict.fromkeys(names) | known.get((run.train_id, run.model), {}) | _asked(run, names)
        for run in runs
    ]
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(names, "float64")) if rows else table


def _numbers(frame: pd.DataFrame) -> dict[tuple[str, str], dict[str, float]]:
    """The first number of each metric and its standard error, by train_id and model."""
    known: dict[tuple[str, str], dict[str, float]] = {}
    columns = ["train_id", "model", "metric", "value", "stderr"]
    rows = frame.loc[frame["status"] == "ok", columns].itertuples(index=False, name=None)
    for train_id, model, metric, value, stderr in rows:
        numbers = known.setdefault((train_id, model), {})
        if metric not in numbers:
            numbers |= {metric: value, f"{metric}_stderr": stderr}
    return known


def _asked(run: StoredRun, taken: Sequence[str]) -> dict[str, Any]:
    """The model, its seed and data, and every option that has no namesake among the numbers."""
    data = {key: value for key, value in run.data.items() if key not in _NOT_OPTIONS}
    options = _with_inner({**data, **run.train, **run.options})
    about = {"model": run.model, "recipe": run.recipe, "seed": run.seed, "dataset": run.dataset}
    flat = {key: _flat(value) for key, value in options.items() if key not in taken}
    return flat | about


def _with_inner(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, and those inside a table under both names: ``observation.scale``."""
    tables = {key: table for key, table in options.items() if isinstance(table, dict)}
    inner = {f"{key}.{name}": v for key, table in tables.items() for name, v in table.items()}
    return {**options, **inner}


def _flat(value: Any) -> Any:
    return canonical_json(value) if isinstance(value, dict | list | tuple) else value


def _batch_size(run: StoredRun) -> int:
    """Training images of a step: a batch is never larger than the data."""
    n_train = Protocol.parse(run.protocol).sizes[0]
    size = int(run.train.get("batch_size", 1))
    return min(size, n_train) if n_train else size


def _plainly_named(history: pd.DataFrame) -> pd.DataFrame:
    names: dict[str, str] = {}
    for column in history.columns:
        if match := _LOGGED.fullmatch(column):
            names.setdefault(f"{match['stage']}_{match['what']}", column)
    return history.assign(**{plain: history[column] for plain, column in names.items()})


def of_models(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Keep the rows of these models, by their names in the suite file; all if none are named."""
    if not models or not len(table):
        return table
    labels = table["model"].astype(str)
    return table[[any(is_of_model(label, name) for name in models) for label in labels]]


def is_of_model(label: str, name: str) -> bool:
    """Return whether a row is of the model that the suite file names so.

    Its label may say more than the name: ``gan+normal(0.1)`` is ``gan+normal``.
    """
    return label == name or label.startswith((f"{name}(", f"{name}, "))
