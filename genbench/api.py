"""What Python users call: run a suite, read its results. Heavy imports wait inside."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from genbench.suites.outcome import SuiteRun
    from genbench.suites.request import Request

RESULTS, REPORTS = Path("results"), Path("reports")


def run(
    suite: str = "digits",
    *,
    seeds: int | None = None,
    limit: int | None = None,
    models: Sequence[str] = (),
    studies: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    results: str | Path = RESULTS,
    reports: str | Path = REPORTS,
    jobs: int = 1,
    fresh: bool = False,
    report: bool = True,
) -> "pd.DataFrame":
    """Train and evaluate what is missing of a suite, store it, report it, and return its table.

    Args:
        suite: Name of a suite, or path of a TOML file.
        seeds: Number of seeds, or None for those of the suite.
        limit: Data points to keep of each split.
        models: Names of the models to run; all if neither these nor ``studies`` are named.
        studies: Names of the studies to run; likewise.
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
    from genbench.core.errors import RunsFailedError
    from genbench.suites.request import Request

    request = Request(
        suite=suite,
        settings=[f"{k}={_as_toml(v)}" for k, v in (settings or {}).items()],
        models=models,
        studies=studies,
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
    outcome = run_and_report(request)
    if outcome.problems:
        raise RunsFailedError(outcome.describe_failures())
    return outcome.frame


def run_and_report(request: "Request", say: Callable[[str], None] = lambda _: None) -> "SuiteRun":
    """Run a suite and write its report; ``say`` hears one line per finished run."""
    from genbench.suites.run import run_suite

    outcome = run_suite(request, say)
    if request.report:
        _report(request, outcome)
    return outcome


def _report(request: "Request", outcome: "SuiteRun") -> None:
    """Write the reports that are not up to date, of a collection's members first."""
    from genbench.reporting import build_report
    from genbench.results.suite import StoredSuite

    for member in outcome.members:
        if member.ran:
            _report(request, member)
    outcome.report = request.reports / outcome.suite / "index.html"
    if not (outcome.unchanged and outcome.report.exists()):
        build_report(StoredSuite.open(request.results, outcome.suite), request.reports)


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
    from genbench.results.metrics_table import with_metrics
    from genbench.results.suite import StoredSuite

    stored = StoredSuite.open(Path(results), suite)
    return with_metrics(stored.table, stored.metrics)
