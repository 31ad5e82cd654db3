"""The Python interface: runs a suite, reads its results. Heavy imports wait inside."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from genbench.runs.run_options import RunOptions
    from genbench.suites.suite_run import SuiteRun

RESULTS, REPORTS = Path("results"), Path("reports")


def run(
    suite: str = "digits",
    *,
    settings: Mapping[str, Any] | None = None,
    models: Sequence[str] = (),
    studies: Sequence[str] = (),
    seeds: int | None = None,
    limit: int | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    results: str | Path = RESULTS,
    reports: str | Path = REPORTS,
    executor: str = "local",
    jobs: int = 1,
    together: bool = False,
    fresh: bool = False,
    report: bool = True,
) -> "pd.DataFrame":
    """Train and evaluate what is missing of a suite, store it, report it, and return its table.

    Args:
        suite: Name of a suite, or path of a TOML file.
        settings: Changes of its keys, as with ``--set``: ``{"train.epochs": 1}``.
        models: Names of the models to run; all if neither these nor ``studies`` are named.
        studies: Names of the studies to run; likewise.
        seeds: Number of seeds, or None for those of the suite.
        limit: Data points to keep of each split.
        device: ``auto``, ``cpu`` or ``cuda``.
        data_dir: Folder of the data sets.
        results: Folder of the results.
        reports: Folder of the reports.
        executor: ``local`` or ``ray``.
        jobs: Runs executed at the same time.
        together: Train the seeds of a model as one computation.
        fresh: Do everything again.
        report: Write the report.

    Returns:
        One row per (run, metric, split), with the columns of ``metrics.csv``.

    Raises:
        RunsFailedError: Some runs failed or diverged; the others are stored.
    """
    from genbench.core.errors import RunsFailedError
    from genbench.runs.run_options import RunOptions

    options = RunOptions(
        suite=suite,
        settings=[f"{key}={_as_toml(value)}" for key, value in (settings or {}).items()],
        models=models,
        studies=studies,
        seeds=seeds,
        limit=limit,
        device=device,
        data_dir=Path(data_dir) if data_dir else None,
        results=Path(results),
        reports=Path(reports),
        executor=executor,
        jobs=jobs,
        together=together,
        fresh=fresh,
        report=report,
    )
    outcome = run_and_report(options)
    if outcome.problems:
        raise RunsFailedError(outcome.describe_failures())
    return outcome.frame


def run_and_report(
    options: "RunOptions", say: Callable[[str], None] = lambda _: None
) -> "SuiteRun":
    """Run a suite and write its report; ``say`` is called with a line for each finished run."""
    from genbench.suites.run import run_suite

    outcome = run_suite(options, say)
    if options.report:
        _report(options, outcome)
    return outcome


def _report(options: "RunOptions", outcome: "SuiteRun") -> None:
    """Write the reports that are not up to date, those of a collection's members first."""
    from genbench.reporting import build_report

    for member in outcome.members:
        if member.ran:
            _report(options, member)
    outcome.report = options.reports / outcome.suite / "index.html"
    if not (outcome.unchanged and outcome.report.exists()):
        build_report(options.results, options.reports, outcome.suite)


def _as_toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_as_toml(str(k))} = {_as_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)  # TOML writes these as JSON does
    return str(value)


def load_results(suite: str = "digits", results: str | Path = RESULTS) -> "pd.DataFrame":
    """Return the stored table of a suite; needs no torch.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    from genbench.reporting import load_results as read

    return read(Path(results), suite)
