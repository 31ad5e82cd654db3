"""Runs a suite: prepares it, executes what is missing, writes the table."""

from collections.abc import Callable, Mapping
from pathlib import Path

from genbench.core.errors import DataError
from genbench.core.files import require_writable
from genbench.runs.executors import pick_executor
from genbench.runs.record import RunRecord
from genbench.runs.run_options import RunOptions
from genbench.suites.load import suite_of
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.study_runs import StudyRun
from genbench.suites.suite_run import SuiteRun, summary_line
from genbench.suites.table import stored_table, write_suite

Say = Callable[[str], None]


def run_suite(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` is called with one line for each finished run and study.

    The members of a collection run first, each as if it were run by itself.
    """
    prepared = prepare(options)
    name = prepared.suite.name
    require_writable(options.results / name)
    members = [_run_member(prepared, member, say) for member in prepared.members]
    runs = _execute(prepared, say)
    studies = {s.name: prepared.study_runner.run(s, say) for s in prepared.selected_studies}
    frame, changed = write_suite(
        options,
        prepared.suite,
        _with_stored_runs(prepared, runs),
        prepared.context.plan.request.tasks if prepared.suite.model else [],
        studies=_with_stored_studies(prepared, studies),
        members=members,
    )
    cached = [*(s.cached for s in studies.values()), *(m.unchanged for m in members)]
    return SuiteRun(
        name,
        frame,
        list(runs.values()),
        unchanged=not changed and all(cached),
        studies=list(studies.values()),
        members=members,
    )


def _run_member(collection: PreparedSuite, options: RunOptions, say: Say) -> SuiteRun:
    """Run a member of a collection; one whose data are missing stops no other.

    A member that is not to be run, or cannot be, keeps its stored table.
    """
    name, reason = suite_of(options).name, ""
    if collection.whole:
        try:
            return run_suite(options, lambda line: say(f"{name}: {line}"))
        except DataError as error:
            reason = f"not run: {str(error).partition(chr(10))[0]}"
            say(f"{name}: {reason}")
    table = stored_table(options.results / name)
    return SuiteRun(name, table, [], unchanged=not reason, ran=False, reason=reason)


def _execute(prepared: PreparedSuite, say: Say) -> dict[str, RunRecord]:
    """Execute the selected runs; return their records by model and seed."""
    executor = pick_executor(prepared.options.executor, prepared.options.jobs)
    selected = prepared.selected_runs
    records: dict[str, RunRecord] = {}
    for record in executor(prepared.context, selected) if selected else ():
        records[f"{record.spec.name}/{record.spec.seed}"] = record
        say(summary_line(record))
    return records


def _with_stored_runs(
    prepared: PreparedSuite, executed: Mapping[str, RunRecord]
) -> list[RunRecord]:
    """Return the records of the suite in its order; the runs not selected are read."""
    context = prepared.context
    specs = context.plan.specs
    records = (executed.get(f"{s.name}/{s.seed}") or context.stored(s) for s in specs)
    return [record for record in records if record]


def _with_stored_studies(
    prepared: PreparedSuite, studies: Mapping[str, StudyRun]
) -> list[StudyRun]:
    """Return the studies of the suite in its order; those not selected are read."""
    runner = prepared.study_runner
    study_runs = (studies.get(spec.name) or runner.stored(spec) for spec in prepared.studies)
    return [study_run for study_run in study_runs if study_run]


def dry_run(options: RunOptions) -> list[tuple[str, int | str, str, str, Path]]:
    """Return what ``run`` would do: model, seed, train_id, state and folder of each run.

    The members of a collection come first; the line of a study is named ``study NAME`` and has no
    seed and no train_id.
    """
    prepared = prepare(options)
    context, runner = prepared.context, prepared.study_runner
    rows = [row for member in prepared.members if prepared.whole for row in dry_run(member)]
    for spec in prepared.selected_runs:
        folder, state = context.folder(spec), _state(context.stored(spec), options)
        rows.append((spec.name, spec.seed, folder.train_id, state, folder.path))
    for study in prepared.selected_studies:
        state = _state(runner.stored(study), options)
        rows.append((f"study {study.name}", "", "", state, runner.folder(study).path))
    return rows


def _state(stored: object, options: RunOptions) -> str:
    return "stored" if stored and not options.fresh else "to do"
