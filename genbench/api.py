"""What Python users call: run a suite, read its results, evaluate a model of their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, Variational, bind
from genbench.core.errors import ConfigError, RunsFailedError, did_you_mean
from genbench.core.files import require_writable
from genbench.core.seeding import Stream
from genbench.core.tensors import float_dtype
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.inference.bounds import prior_of
from genbench.recipes import load_plugins
from genbench.reporting import build_report
from genbench.reporting import load_results as read_results
from genbench.runs.execute import RunRecord
from genbench.runs.executors import Bench, Plan, pick_executor
from genbench.suites.load import load_suite
from genbench.suites.spec import SuiteSpec, expand, tasks_of
from genbench.suites.table import COLUMNS, write_suite

RESULTS, REPORTS = Path("results"), Path("reports")


@dataclass
class SuiteRun:
    """A suite that was run: its table, its report, and what became of each run."""

    suite: str
    frame: pd.DataFrame
    records: list[RunRecord]
    report: Path | None = None

    @property
    def failures(self) -> list[RunRecord]:
        """Runs that failed or diverged."""
        return [record for record in self.records if record.status != "ok"]

    @property
    def cached(self) -> bool:
        """Whether nothing had to be done."""
        return all(record.cached for record in self.records)


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
    results: Path = RESULTS
    reports: Path = REPORTS
    executor: str = "local"
    jobs: int = 1
    fresh: bool = False
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


def run(
    suite: str = "digits",
    *,
    seeds: int | None = None,
    limit: int | None = None,
    models: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    results: str | Path = RESULTS,
    reports: str | Path = REPORTS,
    jobs: int = 1,
    fresh: bool = False,
    report: bool = True,
) -> pd.DataFrame:
    """Train and evaluate what is missing of a suite, store it, report it, and return its table.

    Args:
        suite: Name of a suite, or path of a TOML file.
        seeds: Number of seeds, or None for those of the suite.
        limit: Data points to keep of each split.
        models: Names of the models to run; all if empty.
        settings: As ``--set``: ``{"train.epochs": 1}``.
        device: ``auto``, ``cpu`` or ``cuda``.
        data_dir: Where data sets lie.
        results: Where results are stored.
        reports: Where the report goes.
        jobs: Runs executed at the same time.
        fresh: Do everything again.
        report: Write the report.

    Returns:
        One row per (run, metric, split), with the columns of ``metrics.csv``.

    Raises:
        RunsFailedError: Some runs failed or diverged; the others are stored.
    """
    request = Request(
        suite=suite,
        settings=[f"{k}={_as_toml(v)}" for k, v in (settings or {}).items()],
        models=models,
        seeds=seeds,
        limit=limit,
        device=device,
        data_dir=Path(data_dir) if data_dir else None,
        results=Path(results),
        reports=Path(reports),
        jobs=jobs,
        fresh=fresh,
        report=report,
        command=f'genbench.run("{suite}")',
    )
    outcome = run_suite(request)
    if outcome.failures:
        raise RunsFailedError(describe_failures(outcome))
    return outcome.frame


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


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
    frame = write_suite(folder, suite, records, plan.evaluations(), request.command)
    outcome = SuiteRun(suite.name, frame, list(new.values()))
    if request.report:
        outcome.report = build_report(request.results, request.reports, suite.name)
    return outcome


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
    name = f"{record.spec.name} seed {record.spec.seed}"
    if record.status != "ok":
        return f"{name}: {record.status}: {record.reason}"
    return f"{name}: {'nothing to do, stored already' if record.cached else 'done'}"


def describe_failures(outcome: SuiteRun) -> str:
    """Name the failed runs, ten lines at most."""
    lines = [f"{len(outcome.failures)} of {len(outcome.records)} runs did not finish:"]
    lines += [f"  {_told(record)}" for record in outcome.failures[:8]]
    return "\n".join(lines)


def load_results(suite: str = "digits", results: str | Path = RESULTS) -> pd.DataFrame:
    """Return the stored table of a suite; needs no torch.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    return read_results(Path(results), suite)


def evaluate(
    model: Any,
    x: Tensor,
    y: Tensor | None = None,
    evaluators: Sequence[str] = ("elbo", "iw_log_likelihood"),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Evaluate a model of your own: anything with the methods that the evaluators need.

    No base class is needed. ``posterior(x)`` may return any torch distribution; the KL is closed
    form where torch knows one, else Monte Carlo, and its row says so.

    Args:
        model: Has ``prior()``, ``observation_model(z)``, ``posterior(x)`` and so on.
        x: Data (N, ...), flat or image-shaped; cast to the dtype and device of the model's weights.
        y: Labels (N,), for a model with ``given(y)``.
        evaluators: Names, as in ``python -m genbench list evaluators``.
        options: Per evaluator, for example ``{"iw_log_likelihood": {"n_samples": 500}}``.
        seed: Root of all noise; the same seed gives the same numbers.

    Returns:
        One row per metric, with the columns of ``metrics.csv``. Evaluators that do not apply have
        status ``not_applicable`` and the reason.

    Raises:
        ConfigError: Unknown evaluator or option, or x lies outside the observation model's support.
    """
    given = dict(options or {})
    for name in given:
        if name not in evaluators:
            raise ConfigError(f"options.{name}: not evaluated; {did_you_mean(name, evaluators)}")
    tasks = [make_task(name, given.get(name)) for name in evaluators]
    x = x.to(dtype=float_dtype(model, x.dtype))
    _check_support(model, x, y)
    outcomes = evaluate_model(model, x, y, tasks, Stream(seed, ("evaluate",)))
    rows = [vars(row) for outcome in outcomes for row in outcome.rows]
    frame = pd.DataFrame(rows).assign(
        suite="",
        dataset="",
        protocol="",
        model=type(model).__name__,
        seed=seed,
        split="",
        train_id="",
    )
    return frame[list(COLUMNS)].astype({"n": "Int64"})


def _check_support(model: Any, x: Tensor, y: Tensor | None) -> None:
    view = bind(model, None if y is None else y[:1])
    if isinstance(view, Conditions) or not isinstance(view, Variational):
        return
    with torch.no_grad():
        z = prior_of(view).sample(torch.Size((1,)))
        p = view.observation_model(z)
    try:
        fits = p.support.check(x.reshape(len(x), *p.event_shape)) if p.event_shape else None
    except NotImplementedError:
        return
    if fits is not None and not bool(torch.as_tensor(fits).all()):
        raise ConfigError(
            f"x lies outside the support of the observation model ({p}): binarise or scale it first"
        )


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
