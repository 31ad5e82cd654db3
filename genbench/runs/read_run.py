"""Reads what is stored of a run, if it is complete."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from genbench.core.errors import StorageError
from genbench.core.figures import DEFAULT_FIGURES
from genbench.core.protocol import Protocol, SplitName
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import Row, Task
from genbench.results import run_folder
from genbench.results.facts import TRAINING
from genbench.results.per_datum import value_key
from genbench.results.run_folder import RunFolder
from genbench.runs.record import RunRecord, empty_rows, protocol_of
from genbench.runs.spec import Run

ROW = {field.name for field in fields(Row)}
NEEDED = (run_folder.SPEC, run_folder.METRICS)
TRAINED = {*NEEDED, run_folder.MODEL, run_folder.LAST_MODEL, run_folder.HISTORY}
MEASURED = (
    "train_seconds",
    "evaluate_seconds",
    "precision",
    "trained_together",
    "not_together",
    "not_recorded",
)
"""Keys of the provenance on how a run was done, not where and when."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What to compute for a trained run: evaluations and figures, on one split of its data."""

    tasks: Sequence[Task]
    figures: Sequence[str] = DEFAULT_FIGURES
    split: SplitName = SPLIT


def read_run(run: Run, request: EvaluationRequest) -> RunRecord | None:
    """Return the record of a run if it is stored with everything requested, else None.

    What is damaged counts as not stored, even under right digests.
    """
    with suppress(StorageError):
        return _read(run, request)
    return None


def _read(run: Run, request: EvaluationRequest) -> RunRecord | None:
    folder, metrics = run.folder, stored_metrics(run.folder)
    if not metrics or not folder.intact(run_folder.PROVENANCE, *folder.listed()):
        return None
    description = folder.read(run_folder.SPEC)["description"]
    protocol = protocol_of(run.dataset, description)
    if metrics["status"] == "ok" and not _complete(folder, metrics, request, protocol):
        return None
    return record_of(run, description, metrics, request)


def record_of(
    run: Run, description: dict[str, Any], metrics: dict[str, Any], request: EvaluationRequest
) -> RunRecord:
    """Return the record of a run with the numbers that are requested."""
    record = RunRecord(
        run.spec,
        run.folder.train_id,
        protocol_of(run.dataset, description),
        metrics["status"],
        metrics["reason"],
        description=description | {key: metrics.get(key) for key in TRAINING},
        provenance=run.folder.read(run_folder.PROVENANCE),
        fitted=metrics.get("fitted", {}),
        split=request.split,
    )
    for task in request.tasks:
        rows = metrics["evaluations"].get(f"{request.split}/{task.key}")
        record.rows += empty_rows(task, record) if rows is None else rows
    return record


def key_of(task: Task, protocol: Protocol, split: SplitName) -> str:
    """Return the key under which a task's per-datum values are stored."""
    evaluator, options = task.evaluator, task.options.model_dump_json()
    given = protocol.without_label if evaluator.is_marginal else protocol
    version = evaluator.record.version
    return value_key(split, evaluator.metric, given.condition, version, options)


def _complete(
    folder: RunFolder, metrics: dict[str, Any], request: EvaluationRequest, protocol: Protocol
) -> bool:
    if missing_tasks(folder, metrics, request, protocol):
        return False
    # older versions stored values by evaluator
    older = {f"{request.split}/{task.key}" for task in request.tasks}
    figures = set(made_figures(folder, metrics))
    return older.isdisjoint(stored_values(folder)) and figures >= set(request.figures)


def missing_tasks(
    folder: RunFolder, metrics: dict[str, Any], request: EvaluationRequest, protocol: Protocol
) -> list[Task]:
    """Return the tasks without stored numbers, or without the values behind their numbers."""
    evaluations = metrics["evaluations"]
    values = stored_values(folder) if evaluations else frozenset()  # none where it is damaged

    def lacks(task: Task) -> bool:
        key = f"{request.split}/{task.key}"
        rows = evaluations.get(key)
        if rows is None or any(_metric(row) != task.evaluator.metric for row in rows):
            return True
        if not task.evaluator.is_shipped and any(row["status"] == "failed" for row in rows):
            return True  # it may have been mended
        has_values = task.evaluator.keeps_values and any(row["status"] == "ok" for row in rows)
        return has_values and values.isdisjoint((key, key_of(task, protocol, request.split)))

    return [task for task in request.tasks if lacks(task)]


def _metric(row: Mapping[str, Any]) -> str:
    return str(row["metric"]).partition("[")[0]


def stored_values(folder: RunFolder) -> frozenset[str]:
    """Return the keys of the values per datum; none where the file is not whole."""
    whole = folder.intact(run_folder.PER_DATUM)
    return (_names(folder / run_folder.PER_DATUM) if whole else None) or frozenset()


def _names(path: Path) -> frozenset[str] | None:
    """Return the names of the tensors in a file; None where it holds something else."""
    try:
        with safe_open(path, framework="numpy") as tensors:
            return frozenset(tensors.keys())
    except SafetensorError:
        return None


def made_figures(folder: RunFolder, metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the figures that are done: stored, or not applicable to the model.

    Runs of older versions do not list them: they have the default ones.
    """
    try:
        whole = folder.intact(run_folder.FIGURES) and folder.figures() is not None
    except StorageError:
        return ()
    return tuple(metrics.get("figures", DEFAULT_FIGURES)) if whole else ()


def stored_metrics(folder: RunFolder) -> dict[str, Any] | None:
    """Return the metrics of a run if its training is stored completely, else None.

    Evaluations without per-datum values are left out, and so are those of older versions, whose
    rows lack a column.
    """
    trained = folder.listed() & TRAINED
    if not folder.intact(*NEEDED, *trained):
        return None
    try:
        metrics: dict[str, Any] = folder.read(run_folder.METRICS)
    except StorageError:
        return None
    if metrics["status"] != "ok":
        return metrics
    if not folder.intact(run_folder.PER_DATUM):
        metrics["evaluations"] = {}
    evaluations = metrics["evaluations"].items()
    metrics["evaluations"] = {
        key: rows for key, rows in evaluations if all(row.keys() >= ROW for row in rows)
    }
    is_there = run_folder.MODEL in trained and _names(folder / run_folder.MODEL) is not None
    return metrics if is_there else None


def past_measurements(folder: RunFolder) -> dict[str, Any]:
    """Return what a complete run has recorded so far."""
    if not folder.intact(run_folder.MODEL, run_folder.PROVENANCE):
        return {}
    try:
        recorded = folder.read(run_folder.PROVENANCE)
    except StorageError:
        return {}
    return {k: recorded[k] for k in MEASURED if k in recorded}
