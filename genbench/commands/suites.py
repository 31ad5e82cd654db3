"""``run`` and ``report``: from a suite file to a page."""

from argparse import Namespace
from dataclasses import replace
from typing import Any

from genbench.commands.printing import note, out, split_names, table
from genbench.core.errors import ExitCode


def run(arguments: Namespace) -> int:
    """``run``: train and evaluate what is missing, store, report."""
    from genbench.api import run_and_report
    from genbench.reporting import terminal_summary
    from genbench.results.suite import StoredSuite
    from genbench.suites.run import dry_run

    request = _request(arguments)
    if arguments.dry_run:
        rows = dry_run(request)
        out(table(rows, ("model", "seed", "train_id", "state", "folder")))
        return ExitCode.OK
    outcome = run_and_report(request, note)
    if outcome.cached:
        note(f"nothing to do: all of '{outcome.suite}' is stored (--fresh does it again)")
    out(terminal_summary(StoredSuite.open(request.results, outcome.suite), table))
    out(f"\nresults: {request.results / outcome.suite / 'metrics.csv'}")
    if outcome.report:
        out(f"report:  {outcome.report}")
    if outcome.problems:
        note(f"genbench: {outcome.describe_failures()}")
        return ExitCode.RUNS_FAILED
    return ExitCode.OK


def _request(arguments: Namespace) -> Any:
    from genbench.suites.request import Request

    request = Request(
        suite=arguments.suite,
        settings=arguments.settings,
        models=split_names(arguments.models),
        studies=split_names(arguments.studies),
        seeds=arguments.seeds,
        limit=arguments.limit,
        device=arguments.device,
        data_dir=arguments.data_dir,
        results=arguments.results,
        reports=arguments.reports,
        executor=arguments.executor,
        jobs=arguments.jobs,
        fresh=arguments.fresh,
        together=arguments.together,
        report=not arguments.no_report,
    )
    return replace(request, command=request.scientific_command())


def report(arguments: Namespace) -> int:
    """``report``: tables, figures and a page from stored results alone."""
    from genbench.reporting import build_report, terminal_summary
    from genbench.results.suite import StoredSuite

    suite = StoredSuite.open(arguments.results, arguments.suite)
    summary = terminal_summary(suite, table)
    page = build_report(suite, arguments.reports)
    out(summary)
    out(f"\nreport: {page}")
    return ExitCode.OK
