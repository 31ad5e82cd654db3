"""What is stored of a run, read back as far as it is whole."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from genbench.core.figures import DEFAULT_FIGURES
from genbench.data import Dataset
from genbench.data.protocol import SplitName
from genbench.evaluation.runner import Row, Task
from genbench.runs import store
from genbench.runs.record import RunRecord, empty_rows, protocol_of
from genbench.runs.spec import RunSpec
from genbench.runs.store import RunFolder

SPLIT: SplitName = "test"
ROW = {field.name for field in fields(Row)}
NEEDED = (store.SPEC, store.METRICS)
MEASURED = ("train_seconds", "evaluate_seconds", "trained_together", "not_together")
"""What the provenance says of how a run was done, beside where and when."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a trained run: its evaluations, and the figures made of it."""

    tasks: Sequence[Task]
    figures: Sequence[str] = DEFAULT_FIGURES


def read_stored(
    spec: RunSpec, dataset: Dataset, folder: RunFolder, wanted: Wanted
) -> RunRecord | None:
    """Return the record of a run if it is stored, intact, with all that is asked; else None."""
    metrics = stored_metrics(folder)
    if not metrics or not folder.intact(store.PROVENANCE, *folder.listed()):
        return None
    if metrics["status"] == "ok" and not _complete(folder, metrics, wanted):
        return None
    description = folder.read(store.SPEC)["description"]
    record = RunRecord(spec, folder.train_id, "", description=description)
    return fill(record, dataset, folder, metrics, wanted.tasks)


def _complete(folder: RunFolder, metrics: dict[str, Any], wanted: Wanted) -> bool:
    keys = {f"{SPLIT}/{task.key}" for task in wanted.tasks}
    figures = set(made_figures(folder, metrics))
    return keys <= metrics["evaluations"].keys() and figures >= set(wanted.figures)


def made_figures(folder: RunFolder, metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return the figures whose tensors are stored whole, or are absent for want of a capability.

    A run of an older version says nothing of them: it has the default ones.
    """
    whole = folder.intact(store.FIGURES)
    return tuple(metrics.get("figures", DEFAULT_FIGURES)) if whole else ()


def stored_metrics(folder: RunFolder) -> dict[str, Any] | None:
    """Return the metrics of a run whose training is stored whole, or None.

    Without the values behind the numbers the metrics count as not evaluated; so do rows of an
    older version, which lack a column.
    """
    trained = folder.listed() & {*NEEDED, store.MODEL, store.LAST_MODEL, store.HISTORY}
    if not folder.intact(*NEEDED, *trained):
        return None
    metrics: dict[str, Any] = folder.read(store.METRICS)
    if metrics["status"] != "ok":
        return metrics
    if not folder.intact(store.PER_DATUM):
        metrics["evaluations"] = {}
    found = metrics["evaluations"].items()
    metrics["evaluations"] = {
        k: rows for k, rows in found if all(row.keys() >= ROW for row in rows)
    }
    return metrics if store.MODEL in trained else None


def past_measurements(folder: RunFolder) -> dict[str, Any]:
    """Return what an intact, sealed run has recorded so far."""
    if not folder.intact(store.MODEL, store.PROVENANCE):
        return {}
    recorded = folder.read(store.PROVENANCE)
    return {k: recorded[k] for k in MEASURED if k in recorded}


def fill(
    record: RunRecord,
    dataset: Dataset,
    folder: RunFolder,
    metrics: dict[str, Any],
    tasks: Sequence[Task],
) -> RunRecord:
    """Complete a record with the stored numbers of the tasks."""
    record.protocol = protocol_of(dataset, record.description)
    record.status, record.reason = metrics["status"], metrics["reason"]
    record.fitted = metrics.get("fitted", {})
    record.provenance = folder.read(store.PROVENANCE)
    record.description = record.description | {"selected_epoch": metrics.get("selected_epoch")}
    for task in tasks:
        rows = metrics["evaluations"].get(f"{SPLIT}/{task.key}")
        record.rows += rows if rows is not None else empty_rows(task, record)
    return record
