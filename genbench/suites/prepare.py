"""Reads a suite and checks all of it, with what the options ask of it, before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from genbench.core.errors import ConfigError, did_you_mean
from genbench.recipes import load_plugins
from genbench.runs.executors import pick_executor
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunContext, RunPlan
from genbench.runs.run_options import RunOptions
from genbench.runs.spec import RunSpec
from genbench.studies.store import StudySpec
from genbench.suites.collection import members_of
from genbench.suites.load import suite_of
from genbench.suites.spec import SuiteSpec, expand, study_specs, tasks_of
from genbench.suites.study_runs import StudyRunner


@dataclass(frozen=True)
class PreparedSuite:
    """A suite that is checked and ready to run.

    Attributes:
        options: What to run of it, and how.
        suite: Its file.
        context: Executes its runs.
        study_runner: Runs its studies.
        studies: All its studies.
        members: What runs each suite of a collection.
    """

    options: RunOptions
    suite: SuiteSpec
    context: RunContext
    study_runner: StudyRunner
    studies: tuple[StudySpec, ...]
    members: tuple[RunOptions, ...]

    @property
    def whole(self) -> bool:
        """Whether all of the suite is to be run."""
        return not (self.options.models or self.options.studies)

    @property
    def selected_runs(self) -> list[RunSpec]:
        """The runs that the options ask for."""
        return [s for s in self.context.plan.specs if self.whole or s.name in self.options.models]

    @property
    def selected_studies(self) -> list[StudySpec]:
        """The studies that the options ask for."""
        return [s for s in self.studies if self.whole or s.name in self.options.studies]


def prepare(options: RunOptions) -> PreparedSuite:
    """Read a suite and check all of it; every model is built once to find mistakes.

    Raises:
        ConfigError: The suite or the options are wrong.
        DataError: Data are missing or damaged.
    """
    load_plugins()
    suite = suite_of(options)
    members = members_of(options, suite)
    studies = study_specs(suite, options.limit)
    _require_known("model", options.models, [entry.name for entry in suite.model])
    _require_known("study", options.studies, [spec.name for spec in studies])
    pick_executor(options.executor, options.jobs)
    request = EvaluationRequest(tuple(tasks_of(suite)), suite.figures)
    context = RunContext(RunPlan(suite.name, tuple(expand(suite)), request, options))
    context.preflight()
    runner = StudyRunner(suite.name, options)
    return PreparedSuite(options, suite, context, runner, tuple(studies), tuple(members))


def _require_known(kind: str, selected: Sequence[str], known: Sequence[str]) -> None:
    for name in selected:
        if name not in known:
            option = {"model": "models", "study": "studies"}[kind]
            hint = did_you_mean(name, known) if known else "it has none"
            raise ConfigError(f"{option}: no {kind} '{name}' in the suite; {hint}")
