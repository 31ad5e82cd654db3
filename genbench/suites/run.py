"""Runs a suite: prepares it, executes what is missing, writes the table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pandas as pd

from genbench.core.errors import ConfigError, DataError
from genbench.core.files import paths_in, require_writable, sweep
from genbench.core.locks import locked, queued
from genbench.core.progress import Say, progress
from genbench.core.texts import few
from genbench.features.custom import custom_space, keep_weights
from genbench.results.metrics_table import TABLE
from genbench.results.run_folder import FEATURES, RUNS
from genbench.results.suite_folder import SuiteFolder
from genbench.runs.elsewhere.read import folders_by_name
from genbench.runs.executors.schedule import Results
from genbench.runs.older import older_runs
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group
from genbench.runs.run_options import RunOptions
from genbench.suites.changed_plugins import changed_plugins
from genbench.suites.chosen import departures
from genbench.suites.dealing import dealt
from genbench.suites.prepare import PreparedSuite, prepare
from genbench.suites.study_runs import StudyRun
from genbench.suites.suite_run import SuiteRun
from genbench.suites.table import replaced_data, stored_table, write_suite
from genbench.training.threads import torch_as_started


@torch_as_started()
def run_suite(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` is called with one line for each run and study that is done.

    The members of a collection run first, each as if it were run alone. A shard does its part, and
    writes the table of all that is stored when it has finished.
    """
    return run_prepared(dealt(prepare(options)), say)


def run_prepared(prepared: PreparedSuite, say: Say) -> SuiteRun:
    """Run a suite that is prepared."""
    context, name = prepared.context, prepared.suite.name
    SuiteFolder(_folder(prepared)).require_contained()
    done, missing = context.survey(context.groups(prepared.selected_runs))
    if missing and (older := older_runs(_folder(prepared) / RUNS)):
        say(older)
    with _executing(prepared, missing, say) as results:
        _check(prepared, say)
        members = [_run_member(prepared, member, say) for member in prepared.members]
        runs = list(_told(prepared, [done], results, say))
    for line in changed_plugins(runs):
        say(line)
    studies = [prepared.study_runner.run(study, say) for study in prepared.selected_studies]
    own = SuiteRun(name, pd.DataFrame(), runs, studies, members)
    own.n_asked = len(context.plan.specs) + len(prepared.studies)
    return _tabled(prepared, own)


def _folder(prepared: PreparedSuite) -> Path:
    return prepared.options.results / prepared.suite.name


def _check(prepared: PreparedSuite, say: Say) -> None:
    """Find what would stop the suite before anything is trained; say what users should know."""
    remarks = prepared.context.preflight(prepared.checked_runs)
    require_writable(_folder(prepared))
    _keep_weights(prepared)
    _require_apart(prepared, _folder(prepared))
    if replaced := replaced_data(prepared):
        say(replaced)
    _say_remarks(prepared, remarks, say)
    for line in departures(prepared.suite, prepared.selected_runs):
        say(line)


def _keep_weights(prepared: PreparedSuite) -> None:
    """Check the weights of ``[features]`` and put them where every run finds them."""
    weights, context = prepared.suite.features.weights, prepared.context
    if weights is None:
        return
    for data in {spec.data: None for spec in context.plan.specs}:
        custom_space(weights, context.dataset(data))
    keep_weights(weights, _folder(prepared) / FEATURES)


def _tabled(prepared: PreparedSuite, own: SuiteRun) -> SuiteRun:
    """Write the table of all that is stored by now, unless another shard is about to."""
    with _turn(prepared) as is_ours:
        if not is_ours:
            frame, n_done = stored_table(_folder(prepared)), _n_stored(prepared)
            return replace(own, frame=frame, n_done=n_done, tabled=False)
        sweep(paths_in(_folder(prepared)))
        records = _all_runs(prepared, own.records)
        studies = _all_studies(prepared, own.studies)
        frame, changed = write_suite(prepared, records, studies, own.members)
    cached = [*(s.cached for s in own.studies), *(m.unchanged for m in own.members)]
    n_done, unchanged = len(records) + len(studies), not changed and all(cached)
    return replace(own, frame=frame, n_done=n_done, unchanged=unchanged)


@contextmanager
def _turn(prepared: PreparedSuite) -> Iterator[bool]:
    """Hold the lock of the suite's folder, unless another shard already waits to write the table.

    So many shards write few tables, and the last of them still has everything.
    """
    folder = _folder(prepared)
    if prepared.options.shard and (folder / TABLE).is_file():
        with queued(folder) as is_ours:
            yield is_ours
    else:
        with locked(folder):
            yield True


def _n_stored(prepared: PreparedSuite) -> int:
    """Count the runs and studies that are sealed, without reading them."""
    context, runner = prepared.context, prepared.study_runner
    runs = (context.run(spec).folder for spec in context.plan.specs)
    studies = (runner.folder(study) for study in prepared.studies)
    return sum(folder.is_sealed for folder in chain(runs, studies))


def _executing(
    prepared: PreparedSuite, groups: Sequence[Group], say: Say
) -> AbstractContextManager[Results]:
    """Return the execution of what is missing; without that no process is started."""
    return prepared.executor(prepared.context, groups, say) if groups else nullcontext(iter(()))


def _all_runs(prepared: PreparedSuite, executed: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the records of this command, and what others have stored by now."""
    records, context = {record.spec.label: record for record in executed}, prepared.context
    latest = (context.latest(spec, records.get(spec.label)) for spec in context.plan.specs)
    return [*filter(None, latest)]


def _all_studies(prepared: PreparedSuite, performed: Iterable[StudyRun]) -> list[StudyRun]:
    known = {study.spec.name: study for study in performed}
    each = (known.get(s.name) or prepared.study_runner.stored(s) for s in prepared.studies)
    return [*filter(None, each)]


def _require_apart(prepared: PreparedSuite, folder: Path) -> None:
    """Refuse a suite with a model of the same name as one that was trained elsewhere."""
    suite, context = prepared.suite, prepared.context
    asked = {context.train_id(spec) for spec in context.plan.specs}
    taken = folders_by_name(folder, asked)
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
            return run_prepared(member, lambda line: say(f"{name}: {line}"))
        except DataError as error:
            reason = f"not run: {str(error).partition(chr(10))[0]}"
            say(f"{name}: {reason}")
    table = stored_table(member.options.results / name)
    return SuiteRun(name, table, [], unchanged=not reason, ran=False, reason=reason)


def _told(
    prepared: PreparedSuite, done: Iterable[Iterable[RunRecord]], results: Results, say: Say
) -> Iterator[RunRecord]:
    """Yield the selected runs as they are ready; say what was executed, and show how many."""
    selected = prepared.selected_runs
    if not selected:
        return
    with progress(selected, prepared.suite.name, "run", leave=True) as bar:
        for record in chain.from_iterable(chain(done, results)):
            bar.update()
            if not record.cached:
                say(record.summary_line())
            yield record
