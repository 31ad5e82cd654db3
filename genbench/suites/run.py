"""Runs a suite: prepares it, executes what is missing, writes the table."""

from collections.abc import Callable, Iterator
from pathlib import Path

from genbench.core.errors import DataError
from genbench.core.files import require_writable
from genbench.core.progress import progress
from genbench.runs.record import RunRecord
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.suite_run import SuiteRun
from genbench.suites.table import stored_table, write_suite

Say = Callable[[str], None]


def run_suite(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` is called with one line for each run and study that is done.

    The members of a collection run first, each as if it were run by itself.
    """
    return _run(prepare(options), say)


def _run(prepared: PreparedSuite, say: Say) -> SuiteRun:
    context, runner, name = prepared.context, prepared.study_runner, prepared.suite.name
    context.preflight()
    require_writable(prepared.options.results / name)
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
    """Run a member of a collection; one whose data are missing stops no other.

    A member that is not to be run, or cannot be, keeps its stored table.
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
    """Execute the selected runs, those of a group together."""
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


def dry_run(options: RunOptions) -> list[tuple[str, int | str, str, str, Path]]:
    """Return what ``run`` would do: model, seed, train_id, state and folder of each run.

    The members of a collection come first; the line of a study is named ``study NAME`` and has no
    seed and no train_id.
    """
    return list(_planned(prepare(options)))


def _planned(prepared: PreparedSuite) -> Iterator[tuple[str, int | str, str, str, Path]]:
    def state(stored: object) -> str:
        return "stored" if stored and not prepared.options.fresh else "to do"

    context, runner = prepared.context, prepared.study_runner
    context.preflight()
    for member in prepared.members if prepared.whole else ():
        yield from _planned(member)
    for spec in prepared.selected_runs:
        folder = context.run(spec).folder
        yield spec.name, spec.seed, folder.train_id, state(context.stored(spec)), folder.path
    for study in prepared.selected_studies:
        yield f"study {study.name}", "", "", state(runner.stored(study)), runner.folder(study).path
