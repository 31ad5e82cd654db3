"""What a request asks of a suite, checked before anything is run."""

from collections.abc import Sequence
from dataclasses import dataclass

from genbench.core.errors import ConfigError, did_you_mean
from genbench.recipes import load_plugins
from genbench.runs.executors import Bench, Plan, pick_executor
from genbench.runs.spec import RunSpec
from genbench.studies.store import StudySpec
from genbench.suites.collection import members_of
from genbench.suites.request import Request
from genbench.suites.spec import SuiteSpec, expand, study_specs, tasks_of
from genbench.suites.studying import Desk


@dataclass(frozen=True)
class Work:
    """A suite with everything that is asked of it.

    Attributes:
        bench: Its runs, built once to find mistakes.
        desk: Where its studies are done.
        studies: All its studies.
        members: What runs each suite of a collection.
    """

    request: Request
    suite: SuiteSpec
    bench: Bench
    desk: Desk
    studies: tuple[StudySpec, ...]
    members: tuple[Request, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing in particular was named."""
        return not (self.request.models or self.request.studies)

    @property
    def wanted_runs(self) -> list[RunSpec]:
        """The runs that are asked for."""
        return [s for s in self.bench.plan.specs if self.whole or s.name in self.request.models]

    @property
    def wanted_studies(self) -> list[StudySpec]:
        """The studies that are asked for."""
        return [s for s in self.studies if self.whole or s.name in self.request.studies]


def prepare(request: Request) -> Work:
    """Read a suite and check all of it.

    Raises:
        ConfigError: Something in the suite or the request is wrong.
        DataError: Data are missing or damaged.
    """
    load_plugins()
    suite = request.load()
    members = members_of(request, suite)
    studies = study_specs(suite, request.limit)
    _require_known("models", request.models, [entry.name for entry in suite.model])
    _require_known("studies", request.studies, [spec.name for spec in studies])
    pick_executor(request.executor, request.jobs)
    bench = Bench(make_plan(request, suite))
    bench.preflight()
    desk = Desk(request.results, suite.name, request.device, request.data_dir, request.fresh)
    return Work(request, suite, bench, desk, tuple(studies), tuple(members))


def _require_known(kind: str, asked: Sequence[str], names: Sequence[str]) -> None:
    one = {"models": "model", "studies": "study"}[kind]
    for name in asked:
        if name not in names:
            hint = did_you_mean(name, names) if names else "it has none"
            raise ConfigError(f"{kind}: no {one} '{name}' in the suite; {hint}")


def make_plan(request: Request, suite: SuiteSpec) -> Plan:
    """Return every run and evaluation of the suite."""
    return Plan(
        suite=suite.name,
        specs=tuple(expand(suite)),
        tasks=tuple((t.evaluator.name, t.options.model_dump()) for t in tasks_of(suite)),
        figures=suite.figures,
        results_dir=request.results,
        data_dir=request.data_dir,
        device=request.device,
        fresh=request.fresh,
        together=request.together,
    )
