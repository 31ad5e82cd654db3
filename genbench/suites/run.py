"""Runs a suite: prepares it, executes what is missing, writes the table."""

from collections.abc import Callable, Iterator

from genbench.core.errors import DataError
from genbench.core.files import require_writable
from genbench.core.progress import progress
from genbench.runs.record import RunRecord
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.suite_run import SuiteRun
from genbench.suites.table import replaced_data, stored_table, write_suite

Say = Callable[[str], None]


def run_suite(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` is called with one line for each run and study that is done.

    The members of a collection run first, each as if it were run alone.
    """
    return _run(prepare(options), say)


def _run(prepared: PreparedSuite, say: Say) -> SuiteRun:
    context, runner, name = prepared.context, prepared.study_runner, prepared.suite.name
    remarks = context.preflight()
    require_writable(prepared.options.results / name)
    if replaced := replaced_data(prepared):
        say(replaced)
    for model in dict.fromkeys(spec.name for spec in prepared.selected_runs):
        if model in remarks:
            say(f"{model}: {remarks[model]}")
    members = [_run_member(prepared, member, say) for member in prepared.members]
    runs = {(r.spec.name, r.spec.seed): r for r in _execute(prepared, say)}
    studies = {s.name: runner.run(s, say) for s in prepared.selected_studies}
    all_runs = (runs.get((s.name, s.seed)) or context.stored(s) for s in context.plan.specs)
    all_studies = (studies.get(s.name) or runner.stored(s) for s in prepared.studies)
    frame, changed = write_suite(
        prepared, [*filter(None, all_runs)], [*filter(None, all_studies)], members
    )
    cached = [*(s.cached for s in studies.values()), *(m.unchanged for m in members)]
    unchanged = not changed and all(cached)
    return SuiteRun(name, frame, list(runs.values()), list(studies.values()), members, unchanged)


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
        for records in prepared.executor(prepared.context, groups):
            for record in records:
                bar.update()
                if not record.cached:
                    say(record.summary_line())
                yield record
