"""Writes the inputs of reports: ``metrics.csv`` and ``suite.json``."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from genbench.core.commit import commit
from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, pretty_json, write_atomic
from genbench.core.protocol import Protocol
from genbench.core.reading import has, read_json
from genbench.data.own.registry import own_datasets
from genbench.data.protocol import chosen
from genbench.data.specs import datasets
from genbench.evaluation.runner import Task
from genbench.features.custom import AUTO
from genbench.recipes.archives import ARCHIVE
from genbench.results.columns import COLUMNS
from genbench.results.metrics_table import TABLE
from genbench.results.records import (
    ELSEWHERE,
    LARGEST_RECORD,
    SCHEMA,
    SUITE,
    StoredRun,
    SuiteRecord,
    UntilDecided,
)
from genbench.results.suite import StoredSuite
from genbench.results.suite_folder import SuiteFolder
from genbench.runs.elsewhere.read import elsewhere_runs
from genbench.runs.provenance import versions
from genbench.runs.record import RunRecord, beside_densities, label_of, training_remark
from genbench.runs.run_options import DEFAULT, RunOptions
from genbench.suites.load import suite_files
from genbench.suites.prepare import PreparedSuite
from genbench.suites.study_runs import StudyRun
from genbench.suites.suite_run import SuiteRun

DECIDED = (
    "a pair of models is decided by its headline numbers: an e-process (right-Haar t-test) over the"
    " differences between equal training seeds reaches 1 / 0.05, and a t-test over images and seeds"
    " rejects at 5 %, both Holm-corrected over the pairs of a protocol"
)
"""The rule of ``--until-decided``."""
QUOTES = "\"'"
TYPES = {
    "seed": "int64",
    "value": "float64",
    "stderr": "float64",
    "mc_stderr": "float64",
    "n": "Int64",
    "evaluator_version": "Int64",
}


def write_suite(
    prepared: PreparedSuite,
    records: Sequence[RunRecord],
    studies: Sequence[StudyRun],
    members: Sequence[SuiteRun],
) -> tuple[pd.DataFrame, bool]:
    """Write ``metrics.csv`` and ``suite.json``; return the table, and whether a file changed.

    Models that were trained elsewhere follow those of the suite file; a collection's table has its
    own rows, then those of its members. The caller holds the lock of the suite's folder.
    """
    suite, tasks = prepared.suite, prepared.context.plan.request.tasks
    folder = prepared.options.results / suite.name
    trained_here = {record.train_id for record in records}
    records = beside_densities([*records, *elsewhere_runs(folder, tasks, trained_here)])
    labels, notes = _row_labels(records), {entry.name: entry.note for entry in suite.model}
    own = _metrics_frame(suite.name, records, labels, tasks)
    frames = [frame for frame in (own, *(m.frame for m in members)) if len(frame)]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else (frames or [own])[0]
    spec = suite.model_dump(mode="json")
    if (space := suite.features.name) != AUTO:
        spec["features"] = {"space": space}
    of_data = (spec["data"], *(entry["data"] for entry in spec["model"]))
    of_samples = (entry["options"] for entry in spec["model"] if entry["recipe"] == ARCHIVE)
    for table in (*of_data, *of_samples):
        table |= {"path": Path(table["path"]).name} if "path" in table else {}
    for entry in spec["published"]:
        entry["model"] = labels.get(entry["model"], entry["model"])
    content = {
        "schema": SCHEMA,
        "name": suite.name,
        "title": suite.title,
        "description": suite.description,
        "command": command_of(prepared.options, prepared.command),
        "spec": spec,
        "metrics": tuple(task.evaluator.record for task in tasks),
        "runs": [_stored_run(r, labels[r.spec.name], notes.get(r.spec.name, "")) for r in records],
        "studies": [study.summary for study in studies],
        "members": [member.suite for member in members],
        "until_decided": _until_decided(prepared),
        "versions": versions(),
        "commit": commit(),
    }
    summary = SuiteRecord.model_validate(content).model_dump(mode="json", by_alias=True)
    return frame, _write_changed(folder, summary, frame)


def _until_decided(prepared: PreparedSuite) -> UntilDecided | None:
    """How the number of seeds came about, where it was not given."""
    if prepared.options.until_decided is False:
        return None
    most = prepared.options.most_seeds
    return UntilDecided(maximum=most, seeds=len(prepared.suite.seeds), rule=DECIDED)


def update_elsewhere(folder: Path, before: pd.DataFrame, tasks: Sequence[Task]) -> None:
    """Bring the models trained elsewhere in a stored suite up to date; everything else stays.

    The caller holds the lock of the folder, and read its table ``before`` it changed a run.
    """
    table = before.astype(TYPES)
    summary = read_json(folder / SUITE, LARGEST_RECORD)
    kept = [run for run in summary["runs"] if run["recipe"] != ELSEWHERE]
    replaced = {run["train_id"] for run in summary["runs"] if run["recipe"] == ELSEWHERE}
    records = elsewhere_runs(folder, tasks, {run["train_id"] for run in kept})
    labels = {record.spec.name: record.spec.name for record in records}
    new = _metrics_frame(folder.name, records, labels, tasks)
    frames = [frame for frame in (table[~table["train_id"].isin(replaced)], new) if len(frame)]
    stored = [_stored_run(r, r.spec.name, "").model_dump(mode="json") for r in records]
    frame = pd.concat(frames, ignore_index=True) if frames else new
    _write_changed(folder, summary | {"runs": [*kept, *stored]}, frame)


def _write_changed(folder: Path, summary: dict[str, Any], frame: pd.DataFrame) -> bool:
    """Write and seal both files; return whether the content of one changed."""
    sealed = SuiteFolder(folder)
    table = frame.to_csv(index=False, lineterminator="\n")
    contents = {SUITE: pretty_json(summary).encode(), TABLE: table.encode()}
    stale = [name for name, content in contents.items() if not has(sealed / name, content)]
    if stale or not sealed.holds:
        sealed.break_seal()  # a reader never meets an old seal on a new file
        for name in stale:
            write_atomic(sealed / name, contents[name])
        sealed.seal()
    return bool(stale)


def _row_labels(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the name of each model's row in the table, by its name in the suite file."""
    by_name: dict[str, list[RunRecord]] = {}
    for record in records:
        by_name.setdefault(record.spec.name, []).append(record)
    return {name: label_of(mine) for name, mine in by_name.items()}


def _metrics_frame(
    suite: str, records: Sequence[RunRecord], labels: dict[str, str], tasks: Sequence[Task]
) -> pd.DataFrame:
    """Return the tidy table of a suite, one row per (run, metric, split).

    Models keep the order of the suite file, metrics that of ``[evaluate]``.
    """
    order = [task.evaluator.metric for task in tasks]
    rows = [
        _flat(record, row) | {"suite": suite, "model": labels[record.spec.name]}
        for record in records
        for row in sorted(record.rows, key=lambda r: order.index(r["metric"].partition("[")[0]))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)


def _flat(record: RunRecord, row: dict[str, Any]) -> dict[str, Any]:
    protocol = record.protocol.without_label if row["marginal"] else record.protocol
    return row | {
        "dataset": record.spec.data.name,
        "protocol": protocol.text,
        "seed": record.spec.seed,
        "split": record.split,
        "train_id": record.train_id,
        "options": canonical_json(row["options"]),
        "health": canonical_json(row["health"]),
    }


def _stored_run(record: RunRecord, label: str, note: str) -> StoredRun:
    """Return what ``suite.json`` states about a run, mostly under the same names."""
    spec, described = record.spec, record.description
    used = record.provenance.get("precision", spec.train.precision)
    remark = training_remark(spec, described, used)
    trained = spec.recipe != ELSEWHERE and not described.get("closed_form")
    stated = {
        "train_id": record.train_id,
        "model": label,
        "fitted": record.fitted,
        "recipe": spec.recipe,
        "seed": spec.seed,
        "dataset": spec.data.name,
        "protocol": record.protocol.text,
        "options": spec.options.model_dump(mode="json"),
        "train": spec.train.model_dump(mode="json") if trained else {},
        "data": spec.data.model_dump(mode="json"),
        "status": record.status,
        "reason": record.reason,
        "about": " ".join(filter(None, (described.get("about"), note, remark))),
    }
    return StoredRun.model_validate(described | record.provenance | stated)


def command_of(options: RunOptions, command: str = "run") -> str:
    """Return the command that gives the same numbers, without folders of this machine."""
    suite, data = Path(options.chosen_suite), options.data
    name = suite.stem if suite in suite_files().values() else suite.name
    parts = ["python", "-m", "genbench", command]
    parts += ["--suite", name] if data is None or name != DEFAULT[True] else []
    parts += ["--data", _without_parents(data)] if data is not None else []
    for file in options.plugins:
        parts += ["--plugin", file.name]
    for setting in options.settings:
        parts += ["--set", _without_folder(setting)]
    sequential = options.until_decided is not False
    numbers = {
        "--seeds": None if sequential else options.seeds,
        "--until-decided": options.most_seeds if sequential else None,
        "--limit": options.limit,
    }
    for option, value in numbers.items():
        parts += [option, str(value)] if value is not None else []
    return shlex.join([*parts, *(["--together"] if options.together else [])])


def _without_parents(data: str | Path) -> str:
    name = PurePath(data).name
    is_ambiguous = "path" in chosen(data) and name in {*datasets, *own_datasets}
    return f"./{name}" if is_ambiguous else name


def _without_folder(setting: str) -> str:
    key, equals, value = setting.partition("=")
    is_path = key.strip().endswith(".path")
    return f"{key}{equals}{PurePath(value.strip().strip(QUOTES)).name}" if is_path else setting


def replaced_data(prepared: PreparedSuite) -> str:
    """Say whether the stored table of a suite is about other images; empty if it is not.

    Only ``--data`` brings other images into the folder of a suite.
    """
    name, options = prepared.suite.name, prepared.options
    if options.data is None:
        return ""
    before: dict[str, str] = {}
    with suppress(StorageError):  # a damaged table is written anew
        known = map(Protocol.parse, stored_table(options.results / name)["protocol"])
        before = {protocol.digest: protocol.dataset for protocol in known}
    datasets = map(prepared.context.dataset, {s.data for s in prepared.context.plan.specs})
    now = {dataset.protocol.digest: dataset.name for dataset in datasets}
    if not before or before.keys() & now.keys():
        return ""
    old, new = " and ".join(before.values()), " and ".join(now.values())
    return (
        f"the table of '{name}' was of {old} and becomes one of {new}; the runs stay stored "
        f"(--set name={new.replace(' ', '_')} keeps both)"
    )


def stored_table(folder: Path) -> pd.DataFrame:
    """Return the stored table of a suite; empty if there is none.

    Raises:
        StorageError: It is damaged, or was edited.
    """
    stored = (folder / TABLE).is_file()
    empty = pd.DataFrame(columns=list(COLUMNS))
    frame = StoredSuite.open(folder.parent, folder.name).table if stored else empty
    return frame.astype(TYPES)
