"""Reads a suite and checks all of it, including a collection's members, before anything runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genbench.core.errors import ConfigError, require_known
from genbench.core.names import require_path
from genbench.recipes import load_plugins
from genbench.runs.executors import Executor, pick_executor
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunContext, RunPlan
from genbench.runs.run_options import RunOptions
from genbench.runs.shards import Shard
from genbench.runs.spec import RunSpec
from genbench.studies.store import StudySpec
from genbench.suites.load import find_suite
from genbench.suites.spec import (
    MOST_SUITES,
    SuiteSpec,
    expand,
    load_suite,
    repeated,
    split_of,
    tasks_of,
)
from genbench.suites.standard import FROM_DATA, has_images
from genbench.suites.study_runs import StudyRunner


@dataclass(frozen=True)
class PreparedSuite:
    """A suite that is checked and ready to run; no data have been read.

    Attributes:
        options: What to run and how.
        suite: The validated suite file.
        context: Its runs; executes one.
        executor: Executes many.
        study_runner: Runs its studies.
        studies: All its studies.
        members: The suites of a collection.
        selected_runs: The runs selected by the options.
        selected_studies: The studies selected by the options.
        command: The command that runs it.
    """

    options: RunOptions
    suite: SuiteSpec
    context: RunContext
    executor: Executor
    study_runner: StudyRunner
    studies: Sequence[StudySpec]
    members: Sequence["PreparedSuite"]
    selected_runs: Sequence[RunSpec]
    selected_studies: Sequence[StudySpec]
    command: str = "run"

    @property
    def whole(self) -> bool:
        """Whether the whole suite is selected."""
        return is_whole(self.options)

    @property
    def checked_runs(self) -> Sequence[RunSpec]:
        """The runs whose models must fit: of the whole suite all, whatever the shard."""
        return self.context.plan.specs if self.whole else self.selected_runs


def is_whole(options: RunOptions) -> bool:
    """Whether the options select the whole suite."""
    return not (options.models or options.studies)


def prepare(options: RunOptions, above: Sequence[Path] = ()) -> PreparedSuite:
    """Read a suite and check everything except its data.

    Args:
        options: What to run and how.
        above: The collections that contain it, the outermost first.

    Raises:
        ConfigError: The suite, one of its members, or the options are wrong.
    """
    suite = read_suite(options)
    if suite.sizes == FROM_DATA and not has_images(suite.data):
        raise ConfigError(f"suite '{suite.name}' needs images: --data PATH")
    members = _members(suite, options, (*above, find_suite(options.chosen_suite)))
    return prepare_suite(suite, options, members)


def read_suite(options: RunOptions) -> SuiteSpec:
    """Read the suite file that the options name, with their changes.

    Raises:
        ConfigError: The suite or an option is wrong.
    """
    Shard.parse(options.shard)
    _require_paths(options)
    load_plugins(options.plugins)
    return load_suite(options.chosen_suite, options.changes, options.data)


def prepare_suite(
    suite: SuiteSpec,
    options: RunOptions,
    members: Sequence[PreparedSuite] = (),
    command: str = "run",
) -> PreparedSuite:
    """Check everything of a suite that is in memory, except its data.

    Args:
        suite: The suite.
        options: What to run of it and how.
        members: The suites of a collection.
        command: The command that runs it.

    Raises:
        ConfigError: The suite or the options are wrong.
    """
    try:
        specs, tasks = expand(suite), tasks_of(suite)
        studies = [entry.spec(options.limit) for entry in suite.study]
    except ConfigError as error:
        raise ConfigError(f"suite '{suite.name}': {error}") from error
    for name in options.models:
        require_known(name, [entry.name for entry in suite.model], "models: no model")
    for name in options.studies:
        require_known(name, [entry.name for entry in suite.study], "studies: no study")
    executor = pick_executor(options)
    request = EvaluationRequest(tuple(tasks) if suite.model else (), suite.figures, split_of(suite))
    plan = RunPlan(suite.name, tuple(specs), request, options)
    context = RunContext(plan, options.own_device)
    runner = StudyRunner(suite.name, options)
    whole = is_whole(options)
    chosen = [spec for spec in specs if whole or spec.name in options.models]
    asked = [study for study in studies if whole or study.name in options.studies]
    return PreparedSuite(
        options, suite, context, executor, runner, studies, members, chosen, asked, command
    )


def _require_paths(options: RunOptions) -> None:
    """Refuse folders that cannot exist, before anything is read."""
    for key in ("results", "reports", "data_dir"):
        if path := getattr(options, key):
            require_path(path, key)


def _members(suite: SuiteSpec, options: RunOptions, paths: Sequence[Path]) -> list[PreparedSuite]:
    """Prepare the members of a collection: paths, files beside it, or shipped suites."""
    if not suite.suites:
        return []
    for key, value in (
        ("--models", options.models),
        ("--set", options.settings),
        ("--data", options.data),
    ):
        if value:
            raise ConfigError(
                f"{key}: '{suite.name}' is a collection; name a member:"
                f" --suite NAME {key} ...; members: {', '.join(suite.suites)}"
            )
    members = []
    for i, name in enumerate(suite.suites):
        try:
            path = find_suite(name, collection=paths[-1])
        except ConfigError as error:
            raise ConfigError(f"suite '{suite.name}': suites.{i}: {error}") from error
        if path.resolve() in [above.resolve() for above in paths]:
            chain = " > ".join(path.stem for path in (*paths, path))
            raise ConfigError(f"suites: a collection cannot contain itself: {chain}")
        members.append(prepare(replace(options, suite=str(path), studies=()), paths))
        if sum(map(_count, members)) > MOST_SUITES:
            raise ConfigError(f"suites: more than {MOST_SUITES} suites in all")
    _require_own_folders(suite, paths[-1], members)
    return members


def _count(prepared: PreparedSuite) -> int:
    """Return how many suites there are from a suite on downwards."""
    return 1 + sum(map(_count, prepared.members))


def _require_own_folders(suite: SuiteSpec, path: Path, members: Sequence[PreparedSuite]) -> None:
    """Refuse a suite that is listed twice, and two files below a collection with one name."""
    if twice := repeated(member.suite.name for member in members):
        raise ConfigError(f"suites: two suites are named '{twice}'; their results would mix")
    files = {suite.name: path}
    for name, file in (pair for member in members for pair in _files(member)):
        if files.setdefault(name, file).resolve() != file.resolve():
            raise ConfigError(
                f"suites: two suites are named '{name}'; their results would mix:"
                f" {files[name]}, {file}"
            )


def _files(prepared: PreparedSuite) -> Iterator[tuple[str, Path]]:
    """Yield the name and file of a suite and of all that it collects."""
    yield prepared.suite.name, find_suite(prepared.options.chosen_suite)
    for member in prepared.members:
        yield from _files(member)
