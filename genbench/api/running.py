"""Runs a suite from Python, and reports it."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from genbench.results.suite import StoredSuite
    from genbench.runs.run_options import RunOptions
    from genbench.suites.suite_run import SuiteRun


def run(
    suite: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    models: str | Sequence[str] = (),
    studies: str | Sequence[str] = (),
    plugins: str | Path | Sequence[str | Path] = (),
    seeds: int | None = None,
    until_decided: int | bool = False,
    limit: int | None = None,
    data: str | Path | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    results: str | Path = Path("results"),
    reports: str | Path = Path("reports"),
    executor: str = "local",
    jobs: int | Literal["auto"] = "auto",
    shard: str | None = None,
    cpus_per_run: int = 1,
    gpus_per_run: float | None = None,
    ray_address: str | None = None,
    together: bool = False,
    fresh: bool = False,
    report: bool = True,
    progress: bool | None = None,
) -> "pd.DataFrame":
    """Train and evaluate what is missing of a suite, store it, report it, and return its table.

    Args:
        suite: Name of a suite, or path of a TOML file; by default ``digits``, and ``standard``
            with ``data``.
        settings: Changes of its keys, as with ``--set``: ``{"train.epochs": 1}``.
        models: Names of the models to run, or one; all if neither these nor ``studies`` are named.
        studies: Names of the studies to run, or one; likewise.
        plugins: Python files, or one, whose recipes, data sets and metrics the suite may name.
        seeds: Number of seeds, or None for those of the suite.
        until_decided: Add training seeds, one at a time for all models, until each pair of models
            is decided by an anytime-valid test, or this many are reached; ``True`` for 10.
        limit: Data points to keep of each split.
        data: Images of yours to train the suite's models on: a folder, or an ``.npz``, ``.npy``
            or ``.parquet`` file; or a name of a data set, as in :func:`genbench.load_data`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` and so on, or ``mps``.
        data_dir: Folder of the data sets.
        results: Folder of the results.
        reports: Folder of the reports.
        executor: ``local`` or ``ray``.
        jobs: Runs executed at the same time, each in a process of its own; with 1, in this one.
            ``auto`` is one for each core of the processor; on a GPU at most 4, fewer where it has
            little memory.
        shard: ``"i/n"``: only the i-th of n parts of the runs, so that several machines or jobs
            share a suite without knowing of each other.
        cpus_per_run: Cores, and therefore threads, of a run. They alone decide the last bits of
            its numbers, not ``jobs``.
        gpus_per_run: GPUs of a run on Ray; a fraction lets several runs share one. By default one
            where the device is a GPU.
        ray_address: Address of a Ray cluster; by default what ``RAY_ADDRESS`` says, a cluster that
            runs here, or one started for this call.
        together: Train the seeds of a model as one computation.
        fresh: Do everything again.
        report: Write the report.
        progress: Show a bar, and a line for each finished run. By default in a notebook, and where
            stderr is a terminal.

    Returns:
        The table that :func:`genbench.load_results` returns.

    Raises:
        ConfigError: A key or an argument is wrong.
        RunsFailedError: Some runs failed or diverged; the others are stored.
    """
    from genbench.core.errors import RunsFailedError
    from genbench.core.names import names_in, paths_in
    from genbench.core.progress import announce, progress_shown
    from genbench.results.numbers_frame import stored_numbers
    from genbench.results.suite import StoredSuite
    from genbench.runs.executors import MainGuardError
    from genbench.runs.run_options import RunOptions

    options = RunOptions(
        suite=suite,
        settings=_settings(settings or {}),
        models=names_in(models),
        studies=names_in(studies),
        plugins=paths_in(plugins),
        seeds=seeds,
        until_decided=until_decided,
        limit=limit,
        data=data,
        device=device,
        data_dir=Path(data_dir) if data_dir else None,
        results=Path(results),
        reports=Path(reports),
        executor=executor,
        jobs=jobs,
        shard=shard,
        cpus_per_run=cpus_per_run,
        gpus_per_run=gpus_per_run,
        ray_address=ray_address,
        together=together,
        fresh=fresh,
        report=report,
    )
    try:
        with progress_shown(progress):
            outcome, stored = run_and_report(options, announce)
    except MainGuardError as error:  # an unguarded script has no handler either: one line will do
        print(f"genbench: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    if outcome.problems:
        raise RunsFailedError(outcome.describe_failures())
    return stored_numbers(stored or StoredSuite.open(options.results, outcome.suite))


def run_and_report(
    options: "RunOptions", say: Callable[[str], None] = lambda _: None
) -> "tuple[SuiteRun, StoredSuite | None]":
    """Run a suite and write its report; return what ran, and what is stored.

    A shard that leaves something to others writes no report, and reads nothing back.
    ``say`` is called with a line for each finished run.
    """
    from genbench.core.ahead import import_ahead, many_imports
    from genbench.core.processes import leave_if_importing_script

    leave_if_importing_script()
    if options.report:  # in parts, since an answer waits while one is imported
        import_ahead("matplotlib.figure", "seaborn", "jinja2", "genbench.reporting.report")
    with many_imports():
        from genbench.suites.run import run_suite
        from genbench.suites.until_decided import run_until_decided

    run = run_suite if options.until_decided is False else run_until_decided
    outcome = run(options, say)
    left = options.shard is not None and not outcome.complete
    return outcome, None if left else _open_and_report(options, outcome)


def _open_and_report(options: "RunOptions", outcome: "SuiteRun") -> "StoredSuite":
    """Write the reports that are not up to date, those of a collection's members first."""
    from genbench.reporting import build_report
    from genbench.reporting.report_folder import ReportFolder
    from genbench.results.suite import StoredSuite

    for member in outcome.members:
        if member.ran and options.report:
            _open_and_report(options, member)
    stored = StoredSuite.open(options.results, outcome.suite)
    if options.report:
        outcome.report = options.reports / outcome.suite / "index.html"
        if not (outcome.unchanged and ReportFolder.of(stored, options.reports).shows(stored)):
            build_report(stored, options.reports)
    return stored


def _settings(stated: Any) -> list[str]:
    from genbench.core.errors import ConfigError

    if not isinstance(stated, Mapping):
        raise ConfigError('settings: expected a mapping such as {"train.epochs": 1}')
    return [f"{key}={_as_toml(value)}" for key, value in stated.items()]


def _as_toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_as_toml(str(k))} = {_as_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)  # TOML writes these as JSON does
    return str(value)
