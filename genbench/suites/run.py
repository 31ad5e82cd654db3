"""Runs a suite: reads it, checks everything first, executes what is missing, writes the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.files import require_writable
from genbench.recipes import load_plugins
from genbench.runs.executors import Bench, Plan, pick_executor
from genbench.runs.record import RunRecord, label_of
from genbench.suites.load import load_suite
from genbench.suites.spec import SuiteSpec, expand, tasks_of
from genbench.suites.table import write_suite


@dataclass
class SuiteRun:
    """A suite that was run: its table, its report, and what became of each run."""

    suite: str
    frame: pd.DataFrame
    records: list[RunRecord]
    unchanged: bool
    report: Path | None = None

    @property
    def failures(self) -> list[RunRecord]:
        """Runs that failed or diverged, or one of whose numbers did."""
        return [record for record in self.records if record.status != "ok" or record.failed_rows]

    @property
    def cached(self) -> bool:
        """Whether every run was stored already."""
        return all(record.cached for record in self.records)

    def describe_failures(self) -> str:
        """Name the failed runs, ten lines at most."""
        lines = [f"{len(self.failures)} of {len(self.records)} runs did not finish:"]
        return "\n".join([*lines, *(f"  {_told(record)}" for record in self.failures[:8])])


@dataclass(frozen=True)
class Request:
    """The arguments of ``run``, for Python and the command line alike."""

    suite: str = "digits"
    settings: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: int | None = None
    limit: int | None = None
    device: str = "auto"
    data_dir: Path | None = None
    results: Path = Path("results")
    reports: Path = Path("reports")
    executor: str = "local"
    jobs: int = 1
    fresh: bool = False
    together: bool = False
    report: bool = True
    command: str = field(default="", compare=False)

    def load(self) -> SuiteSpec:
        """Read the suite with the settings that the arguments stand for."""
        settings = list(self.settings)
        if self.seeds is not None:
            settings.append(f"seeds={self.seeds}")
        if self.limit is not None:
            settings.append(f"data.limit={self.limit}")
        return load_suite(self.suite, settings)


def run_suite(request: Request, say: Callable[[str], None] = lambda _: None) -> SuiteRun:
    """Run a suite; ``say`` hears one line per finished run."""
    load_plugins()
    suite = request.load()
    plan = make_plan(request, suite)
    executor = pick_executor(request.executor, request.jobs)
    bench = Bench(plan)
    require_writable(request.results / suite.name)
    bench.preflight()
    wanted = [s for s in plan.specs if not request.models or s.name in request.models]
    new: dict[str, RunRecord] = {}
    for record in executor(bench, wanted):
        new[_key(record)] = record
        say(_told(record))
    records = _with_stored(bench, plan, new)
    folder = request.results / suite.name
    frame, changed = write_suite(folder, suite, records, plan.evaluations(), request.command)
    return SuiteRun(suite.name, frame, list(new.values()), unchanged=not changed)


def make_plan(request: Request, suite: SuiteSpec) -> Plan:
    """Return every run and evaluation of the suite.

    Raises:
        ConfigError: A model that is asked for is not in the suite.
    """
    names = [entry.name for entry in suite.model]
    for name in request.models:
        if name not in names:
            raise ConfigError(
                f"models: no model '{name}' in the suite; {did_you_mean(name, names)}"
            )
    return Plan(
        suite=suite.name,
        specs=tuple(expand(suite)),
        tasks=tuple((t.evaluator.name, t.options.model_dump()) for t in tasks_of(suite)),
        results_dir=request.results,
        data_dir=request.data_dir,
        device=request.device,
        fresh=request.fresh,
        together=request.together,
    )


def _key(record: RunRecord) -> str:
    return f"{record.spec.name}/{record.spec.seed}"


def _with_stored(bench: Bench, plan: Plan, new: Mapping[str, RunRecord]) -> list[RunRecord]:
    """Return the suite's records in order; runs left out by ``models`` come from the disk."""
    records = []
    for spec in plan.specs:
        record = new.get(f"{spec.name}/{spec.seed}") or bench.stored(spec)
        if record:
            records.append(record)
    return records


def _told(record: RunRecord) -> str:
    name = f"{label_of([record])} seed {record.spec.seed}"
    if record.status != "ok":
        return f"{name}: {record.status}: {record.reason}"
    if record.failed_rows:
        row = record.failed_rows[0]
        return f"{name}: {row['metric']} failed: {row['reason']}"
    return f"{name}: {'nothing to do, stored already' if record.cached else 'done'}"


def dry_run(request: Request) -> list[tuple[str, int, str, str, Path]]:
    """Return what ``run`` would do: model, seed, train_id, state and folder of each run."""
    load_plugins()
    suite = request.load()
    plan = make_plan(request, suite)
    pick_executor(request.executor, request.jobs)
    bench = Bench(plan)
    bench.preflight()
    rows = []
    for spec in plan.specs:
        if request.models and spec.name not in request.models:
            continue
        folder = bench.folder(spec)
        state = "stored" if bench.stored(spec) and not request.fresh else "to do"
        rows.append((spec.name, spec.seed, folder.train_id, state, folder.path))
    return rows
