"""Reads the runs of a suite whose models were trained elsewhere; needs neither model nor data."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, StorageError, first_line
from genbench.core.files import paths_in
from genbench.core.protocol import Protocol
from genbench.data import DataConfig
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import Task
from genbench.results import run_folder
from genbench.results.records import ELSEWHERE
from genbench.results.run_folder import RUNS, RunFolder
from genbench.runs.elsewhere.spec import ElsewhereSpec
from genbench.runs.read_run import ROW
from genbench.runs.record import RunRecord, empty_rows

NEW_METRIC = "added before this metric was asked for: add it again with replace=True"
DAMAGED = "its folder is damaged: add it again with replace=True"


def elsewhere_runs(
    suite: Path, tasks: Sequence[Task], trained_here: Collection[str] = ()
) -> list[RunRecord]:
    """Return all of a suite's runs of models trained elsewhere, by name and seed.

    Args:
        suite: Folder of the suite.
        tasks: The metrics that the suite asks for.
        trained_here: Identities of runs that are none of these, and are not read.

    Raises:
        StorageError: What a run was asked to be cannot be read.
    """
    records = [_record(folder, spec, tasks) for folder, spec in _found(suite / RUNS, trained_here)]
    return sorted(records, key=lambda record: (record.spec.name, record.spec.seed))


def folders_by_name(suite: Path, trained_here: Collection[str] = ()) -> dict[str, list[RunFolder]]:
    """Return the folders of all models trained elsewhere, by the model's name."""
    known: dict[str, list[RunFolder]] = {}
    for folder, spec in _found(suite / RUNS, trained_here):
        known.setdefault(spec["name"], []).append(folder)
    return known


def folders_of(suite: Path, name: str, seed: int) -> list[RunFolder]:
    """Return the folder of one seed of a model trained elsewhere; none where there is none."""
    return [
        folder
        for folder, spec in _found(suite / RUNS)
        if (spec["name"], spec["seed"]) == (name, seed)
    ]


def _found(
    runs: Path, trained_here: Collection[str] = ()
) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    for path in paths_in(runs):
        other = path.name.startswith(".") or path.name in trained_here
        if other or not (path / run_folder.SPEC).is_file():
            continue
        folder = RunFolder(runs.parent, path.name)
        with suppress(StorageError):  # a damaged one is found by who needs it
            spec = folder.read(run_folder.SPEC)
            if isinstance(spec, dict) and spec.get("recipe") == ELSEWHERE and folder.is_sealed:
                yield folder, spec


def _record(folder: RunFolder, stated: dict[str, Any], tasks: Sequence[Task]) -> RunRecord:
    protocol = Protocol.parse(stated["protocol"])
    try:
        asked = {key: value for key, value in stated["data"].items() if key != "digest"}
        data = DataConfig.of_identity(asked, protocol.dataset)
        spec = ElsewhereSpec.of(stated["name"], data, stated["seed"], stated["model"])
    except ConfigError as error:
        raise StorageError(f"{folder / run_folder.SPEC}: {first_line(error)}") from error
    record = RunRecord(
        spec,
        folder.train_id,
        protocol,
        cached=True,
        description=stated["description"],
    )
    if not folder.intact(*folder.listed()):
        record.status, record.reason = "failed", DAMAGED
        record.rows = [row for task in tasks for row in empty_rows(task, record)]
        return record
    record.provenance = folder.read(run_folder.PROVENANCE)
    evaluations = folder.read(run_folder.METRICS)["evaluations"]
    record.rows = [row for task in tasks for row in _rows(task, record, evaluations)]
    return record


def _rows(task: Task, record: RunRecord, evaluations: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] | None = evaluations.get(f"{SPLIT}/{task.key}")
    if rows is None or not all(row.keys() >= ROW for row in rows):
        return empty_rows(task, replace(record, status="not_applicable", reason=NEW_METRIC))
    return rows
