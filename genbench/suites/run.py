"""Runs a suite: reads it, checks everything first, executes what is missing, writes the table."""

from collections.abc import Callable, Mapping
from pathlib import Path

from genbench.core.errors import DataError
from genbench.core.files import require_writable
from genbench.runs.executors import pick_executor
from genbench.runs.record import RunRecord
from genbench.suites.outcome import SuiteRun, told
from genbench.suites.request import Request as Request
from genbench.suites.studying import StudyRecord
from genbench.suites.table import stored_table, write_suite
from genbench.suites.work import Work, prepare

Say = Callable[[str], None]


def run_suite(request: Request, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` hears one line per finished run and study.

    The members of a collection run first, each as if it were run by itself.
    """
    work = prepare(request)
    name = work.suite.name
    require_writable(request.results / name)
    members = [_member(work, part, say) for part in work.members]
    new = _execute(work, say)
    studies = {spec.name: work.desk.do(spec, say) for spec in work.wanted_studies}
    frame, changed = write_suite(
        request.results / name,
        work.suite,
        _with_stored(work, new),
        work.bench.plan.evaluations() if work.suite.model else [],
        request.command,
        studies=_studies_with_stored(work, studies),
        members=members,
    )
    done = list(studies.values())
    same = [not changed, *(s.cached for s in done), *(m.unchanged for m in members)]
    return SuiteRun(name, frame, list(new.values()), all(same), None, done, members)


def _member(work: Work, request: Request, say: Say) -> SuiteRun:
    """Run a member of a collection; one whose data are missing stops no other.

    What is not asked for or cannot be run keeps the table that it has.
    """
    name, reason = request.load().name, ""
    if work.whole:
        try:
            return run_suite(request, lambda line: say(f"{name}: {line}"))
        except DataError as error:
            reason = f"not run: {str(error).partition(chr(10))[0]}"
            say(f"{name}: {reason}")
    table = stored_table(request.results / name)
    return SuiteRun(name, table, [], unchanged=not reason, ran=False, reason=reason)


def _execute(work: Work, say: Say) -> dict[str, RunRecord]:
    """Execute the runs that are asked for; return their records by model and seed."""
    executor = pick_executor(work.request.executor, work.request.jobs)
    wanted = work.wanted_runs
    new: dict[str, RunRecord] = {}
    for record in executor(work.bench, wanted) if wanted else ():
        new[f"{record.spec.name}/{record.spec.seed}"] = record
        say(told(record))
    return new


def _with_stored(work: Work, new: Mapping[str, RunRecord]) -> list[RunRecord]:
    """Return the suite's records in order; runs that were not asked for come from the disk."""
    records = []
    for spec in work.bench.plan.specs:
        record = new.get(f"{spec.name}/{spec.seed}") or work.bench.stored(spec)
        if record:
            records.append(record)
    return records


def _studies_with_stored(work: Work, new: Mapping[str, StudyRecord]) -> list[StudyRecord]:
    """Return the suite's studies in order; those not asked for come from the disk."""
    found = (new.get(spec.name) or work.desk.stored(spec) for spec in work.studies)
    return [record for record in found if record]


def dry_run(request: Request) -> list[tuple[str, int | str, str, str, Path]]:
    """Return what ``run`` would do: model, seed, train_id, state and folder of each run.

    The members of a collection come first; a study stands as ``study NAME``, with no seed and no
    train_id.
    """
    work = prepare(request)
    rows = [row for part in work.members if work.whole for row in dry_run(part)]
    for spec in work.wanted_runs:
        folder = work.bench.folder(spec)
        state = _state(work.bench.stored(spec), request)
        rows.append((spec.name, spec.seed, folder.train_id, state, folder.path))
    for study in work.wanted_studies:
        state = _state(work.desk.stored(study), request)
        rows.append((f"study {study.name}", "", "", state, work.desk.folder(study).path))
    return rows


def _state(stored: object, request: Request) -> str:
    return "stored" if stored and not request.fresh else "to do"
