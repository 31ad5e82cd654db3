"""Runs a suite: prepares it, executes what is missing, writes the table."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from genbench.core.errors import ConfigError, DataError
from genbench.core.files import exclusive, require_writable
from genbench.core.progress import progress
from genbench.core.texts import few
from genbench.runs.elsewhere.read import folders_by_name
from genbench.runs.executors.schedule import Say
from genbench.runs.record import RunRecord
from genbench.runs.run_options import RunOptions
from genbench.suites.changed_plugins import changed_plugins
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.spec import SuiteSpec
from genbench.suites.suite_run import SuiteRun
from genbench.suites.table import replaced_data, stored_table, write_suite


def run_suite(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` is called with one line for each run and study that is done.

    The members of a collection run first, each as if it were run alone.
    """
    return _run(prepare(options), say)


def _run(prepared: PreparedSuite, say: Say) -> SuiteRun:
    context, runner, name = prepared.context, prepared.study_runner, prepared.suite.name
    remarks = context.preflight()
    folder = prepared.options.results / name
    require_writable(folder)
    _require_apart(prepared.suite, folder)
    if replaced := replaced_data(prepared):
        say(replaced)
    _say_remarks(prepared, remarks, say)
    members = [_run_member(prepared, member, say) for member in prepared.members]
    runs = {(r.spec.name, r.spec.seed): r for r in _execute(prepared, say)}
    for line in changed_plugins(runs.values()):
        say(line)
    studies = {s.name: runner.run(s, say) for s in prepared.selected_studies}
    all_runs = (runs.get((s.name, s.seed)) or context.stored(s) for s in context.plan.specs)
    all_studies = (studies.get(s.name) or runner.stored(s) for s in prepared.studies)
    trained, known = [*filter(None, all_runs)], [*filter(None, all_studies)]
    with exclusive(folder):
        frame, changed = write_suite(prepared, trained, known, members)
    cached = [*(s.cached for s in studies.values()), *(m.unchanged for m in members)]
    unchanged = not changed and all(cached)
    return SuiteRun(name, frame, list(runs.values()), list(studies.values()), members, unchanged)


def _require_apart(suite: SuiteSpec, folder: Path) -> None:
    """Refuse a suite with a model of the same name as one that was trained elsewhere."""
    taken = folders_by_name(folder)
    for entry in suite.model:
        if entry.name in taken:
            raise ConfigError(
                f"model '{entry.name}': a model trained elsewhere has this name in suite"
                f" '{suite.name}'; give one another name, or delete {taken[entry.name][0].path}"
            )


def _say_remarks(prepared: PreparedSuite, remarks: Mapping[str, str], say: Say) -> None:
    """Say what users should know of the training, once for all models that share it."""
    models: dict[str, dict[str, None]] = {}
    for spec in prepared.selected_runs:
        if spec.name in remarks:
            models.setdefault(remarks[spec.name], {})[spec.name] = None
    for remark, names in models.items():
        say(f"{few(list(names))}: {remark}")


def _run_member(collection: PreparedSuite, member: PreparedSuite, say: Say) -> SuiteRun:
    """Run a member of a collection; missing data do not stop the others.

    A member that is not selected or cannot run keeps its stored table.
    """
    name, reason = member.suite.name, ""
    if collection.whole:
        try:
            return _run(member, lambda line: say(f"{name}: {line}"))
        except DataError as error:
            reason = f"not run: {str(error).partition(chr(10))[0]}"
            say(f"{name}: {reason}")
    table = stored_table(member.options.results / name)
    return SuiteRun(name, table, [], unchanged=not reason, ran=False, reason=reason)


def _execute(prepared: PreparedSuite, say: Say) -> Iterator[RunRecord]:
    """Execute the selected runs, group by group."""
    selected = prepared.selected_runs
    if not selected:
        return
    groups = prepared.context.groups(selected)
    with progress(selected, prepared.suite.name, "run", leave=True) as bar:
        for records in prepared.executor(prepared.context, groups, say):
            for record in records:
                bar.update()
                if not record.cached:
                    say(record.summary_line())
                yield record
