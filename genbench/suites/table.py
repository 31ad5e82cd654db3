"""Writes what reports are made of: ``metrics.csv`` and ``suite.json``."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genbench.core.files import canonical_json, pretty_json, write_if_changed
from genbench.core.metric import by_name
from genbench.evaluation.runner import Task
from genbench.results.columns import COLUMNS
from genbench.results.metrics_table import TABLE, read_table, with_metrics
from genbench.results.records import SCHEMA, SUITE
from genbench.runs.provenance import versions
from genbench.runs.record import RunRecord, label_of
from genbench.runs.run_options import RunOptions
from genbench.suites.load import suite_files
from genbench.suites.spec import SuiteSpec
from genbench.suites.study_runs import StudyRun
from genbench.suites.suite_run import SuiteRun

TYPES = {
    "seed": "int64",
    "value": "float64",
    "stderr": "float64",
    "mc_stderr": "float64",
    "n": "Int64",
    "evaluator_version": "Int64",
}


def metrics_frame(suite: str, records: Sequence[RunRecord], tasks: Sequence[Task]) -> pd.DataFrame:
    """Return the tidy table of a suite, one row per (run, metric, split), sorted.

    Models keep the order of the suite file, metrics that of ``[evaluate]``.
    """
    order = [task.evaluator.metric for task in tasks]
    labels = row_labels(records)
    rows = []
    for place, record in enumerate(records):
        for row in record.rows:
            key = (place, order.index(row["metric"].partition("[")[0]))
            rows.append((key, _flat(suite, record, row) | {"model": labels[record.spec.name]}))
    rows.sort(key=lambda pair: pair[0])
    frame = pd.DataFrame([row for _, row in rows], columns=list(COLUMNS))
    return frame.astype(TYPES)


def row_labels(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the name of each model's row in the table, by its name in the suite file."""
    names = {record.spec.name for record in records}
    return {name: label_of([r for r in records if r.spec.name == name]) for name in names}


def _flat(suite: str, record: RunRecord, row: dict[str, Any]) -> dict[str, Any]:
    protocol = record.protocol.without_label if row["marginal"] else record.protocol
    return row | {
        "suite": suite,
        "dataset": record.spec.data.name,
        "protocol": protocol.text,
        "seed": record.spec.seed,
        "split": "test",
        "train_id": record.train_id,
        "options": canonical_json(row["options"]),
        "health": canonical_json(row["health"]),
    }


def write_suite(
    options: RunOptions,
    suite: SuiteSpec,
    records: Sequence[RunRecord],
    tasks: Sequence[Task],
    *,
    studies: Sequence[StudyRun] = (),
    members: Sequence[SuiteRun] = (),
) -> tuple[pd.DataFrame, bool]:
    """Write ``metrics.csv`` and ``suite.json``; return the table, and whether a file changed.

    A collection's table holds its own rows, then those of its members.
    """
    own, labels = metrics_frame(suite.name, records, tasks), row_labels(records)
    frames = [frame for frame in (own, *(m.frame for m in members)) if len(frame)]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else (frames or [own])[0]
    spec = suite.model_dump(mode="json")
    for entry in spec["published"]:
        entry["model"] = labels.get(entry["model"], entry["model"])
    summary = {
        "schema": SCHEMA,
        "name": suite.name,
        "title": suite.title,
        "description": suite.description,
        "command": command_of(options),
        "spec": spec,
        "metrics": [task.evaluator.record.model_dump(mode="json") for task in tasks],
        "runs": [_run(suite, record, labels) for record in records],
        "studies": [study.as_json() for study in studies],
        "members": [member.suite for member in members],
        "versions": versions(),
    }
    folder, table = options.results / suite.name, frame.to_csv(index=False, lineterminator="\n")
    changed = [
        write_if_changed(folder / SUITE, pretty_json(summary)),
        write_if_changed(folder / TABLE, table),
    ]
    return with_metrics(frame, by_name(task.evaluator.record for task in tasks)), any(changed)


def command_of(options: RunOptions) -> str:
    """Return the command that gives the same numbers, without this machine's folders."""
    suite = Path(options.suite)
    name = suite.stem if suite in suite_files().values() else suite.name
    parts = ["python", "-m", "genbench", "run", "--suite", name]
    for setting in options.settings:
        parts += ["--set", setting]
    for option, value in (("--seeds", options.seeds), ("--limit", options.limit)):
        parts += [option, str(value)] if value is not None else []
    return shlex.join([*parts, *(["--together"] if options.together else [])])


def stored_table(folder: Path) -> pd.DataFrame:
    """Return the table that a suite left behind; empty where there is none."""
    if not (folder / TABLE).is_file():
        return pd.DataFrame(columns=list(COLUMNS)).astype(TYPES)
    return read_table(folder).astype(TYPES)


def _run(suite: SuiteSpec, record: RunRecord, labels: Mapping[str, str]) -> dict[str, Any]:
    notes = {entry.name: entry.note for entry in suite.model}
    described = {k: record.description.get(k) for k in ("observation", "measure", "n_parameters")}
    about, in_closed_form = (record.description.get(k) for k in ("about", "closed_form"))
    measured = {
        k: record.provenance.get(k) for k in ("train_seconds", "evaluate_seconds", "device")
    }
    return {
        "train_id": record.train_id,
        "model": labels[record.spec.name],
        "fitted": record.fitted,
        "recipe": record.spec.recipe,
        "seed": record.spec.seed,
        "dataset": record.spec.data.name,
        "protocol": record.protocol.text,
        "options": record.spec.options.model_dump(mode="json"),
        "train": {} if in_closed_form else record.spec.train.model_dump(mode="json"),
        "data": record.spec.data.model_dump(mode="json"),
        "status": record.status,
        "reason": record.reason,
        "selected_epoch": record.description.get("selected_epoch"),
        "about": " ".join(part for part in (about, notes.get(record.spec.name)) if part),
        **described,
        **measured,
    }
