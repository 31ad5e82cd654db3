"""What each command does: calls the library and prints the result. Heavy imports wait inside.

Results go to stdout, everything else to stderr.
"""

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.core.errors import ExitCode


def _out(text: str) -> None:
    print(text)  # noqa: T201


def _note(text: str) -> None:
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def _table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Align columns with two spaces between them."""
    cells = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def run(arguments: Namespace) -> int:
    """``run``: train and evaluate what is missing, store, report."""
    from genbench.api import run_and_report
    from genbench.reporting import terminal_table
    from genbench.suites.run import dry_run

    request = _request(arguments)
    if arguments.dry_run:
        rows = dry_run(request)
        _out(_table(rows, ("model", "seed", "train_id", "state", "folder")))
        return ExitCode.OK
    outcome = run_and_report(request, _note)
    if outcome.cached:
        _note(f"nothing to do: every run of '{outcome.suite}' is stored (--fresh does it again)")
    _out(terminal_table(outcome.frame))
    _out(f"\nresults: {request.results / outcome.suite / 'metrics.csv'}")
    if outcome.report:
        _out(f"report:  {outcome.report}")
    if outcome.failures:
        _note(f"genbench: {outcome.describe_failures()}")
        return ExitCode.RUNS_FAILED
    return ExitCode.OK


def _request(arguments: Namespace) -> Any:
    from genbench.suites.run import Request

    return Request(
        suite=arguments.suite,
        settings=arguments.settings,
        models=[name.strip() for name in arguments.models.split(",") if name.strip()],
        seeds=arguments.seeds,
        limit=arguments.limit,
        device=arguments.device,
        data_dir=arguments.data_dir,
        results=arguments.results,
        reports=arguments.reports,
        executor=arguments.executor,
        jobs=arguments.jobs,
        fresh=arguments.fresh,
        report=not arguments.no_report,
        command=_scientific_command(arguments),
    )


def _scientific_command(arguments: Namespace) -> str:
    """Return the command that leads to the same numbers, without this machine's folders."""
    parts = ["python", "-m", "genbench", "run", "--suite", Path(arguments.suite).name]
    for setting in arguments.settings:
        parts += ["--set", setting]
    for option in ("seeds", "limit"):
        value = getattr(arguments, option)
        parts += [f"--{option}", str(value)] if value is not None else []
    return shlex.join(parts)


def report(arguments: Namespace) -> int:
    """``report``: tables, figures and a page from stored results alone."""
    from genbench.reporting import build_report, load_results, terminal_table

    frame = load_results(arguments.results, arguments.suite)
    page = build_report(arguments.results, arguments.reports, arguments.suite)
    _out(terminal_table(frame))
    _out(f"\nreport: {page}")
    return ExitCode.OK


def list_known(arguments: Namespace) -> int:
    """``list``: what there is, a line each."""
    listing = {
        "models": _list_models,
        "datasets": _list_datasets,
        "evaluators": _list_evaluators,
        "suites": _list_suites,
    }
    _out(listing[arguments.what]())
    return ExitCode.OK


def _list_models() -> str:
    from genbench.recipes import load_plugins, recipes

    load_plugins()
    return _table([(name, recipes[name].about) for name in recipes], ("recipe", "what it is"))


def _list_datasets() -> str:
    from genbench.data import datasets

    rows = [
        (name, "x".join(map(str, spec.image_shape)), spec.n_train, spec.n_test, spec.title)
        for name in datasets
        for spec in (datasets[name],)
    ]
    return _table(rows, ("data set", "shape", "train", "test", "what it is"))


def _list_evaluators() -> str:
    import genbench.evaluation.runner  # noqa: F401  registers them
    from genbench.evaluation.spec import evaluators

    rows = [
        (e.name, f"v{e.version}", e.unit, e.better, e.kind, e.description)
        for e in (evaluators[name] for name in evaluators)
    ]
    return _table(rows, ("evaluator", "version", "unit", "better", "kind", "what it is"))


def _list_suites() -> str:
    import tomllib

    from genbench.suites.load import suite_files

    rows = [(k, tomllib.loads(p.read_text()).get("title", "")) for k, p in suite_files().items()]
    return _table(rows, ("suite", "what it is"))


def data_fetch(arguments: Namespace) -> int:
    """``data fetch``: download and check."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import fetch

    home = data_home(arguments.data_dir)
    for name in arguments.datasets or datasets:
        _out(_files(fetch(name, home, force=arguments.force)))
    return ExitCode.OK


def data_verify(arguments: Namespace) -> int:
    """``data verify``: check digests; exit 3 if a file is missing or damaged."""
    from genbench.data import data_home, datasets
    from genbench.data.fetch import verify

    home = data_home(arguments.data_dir)
    rows = [row for name in arguments.datasets or datasets for row in verify(name, home)]
    _out(_files(rows))
    bad = [row for row in rows if row["status"] in ("missing", "damaged")]
    return ExitCode.DATA if bad else ExitCode.OK


def _files(rows: Sequence[dict[str, Any]]) -> str:
    columns = ("dataset", "file", "status", "path")
    return _table([[row[c] for c in columns] for row in rows], columns)


def selftest(arguments: Namespace) -> int:
    """``selftest``: every evaluator against exact answers; exit 4 if one is wrong."""
    from genbench.selftest import run_checks

    rows = [check.row() for check in run_checks()]
    if arguments.format == "json":
        _out(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _out(_calibration(rows))
    wrong = [row["estimator"] for row in rows if row["verdict"] != "ok"]
    if wrong:
        _note(
            f"genbench: {len(wrong)} of {len(rows)} checks failed: {', '.join(sorted(set(wrong)))}"
        )
        return ExitCode.RUNS_FAILED
    _note(
        f"{len(rows)} checks: all within 4 standard errors, or rounding where the answer is exact"
    )
    return ExitCode.OK


def _calibration(rows: Sequence[dict[str, Any]]) -> str:
    """Lay out the checks: ``≤`` before an exact answer says that the estimate may lie below it."""
    signs = {"=": "", "<=": "≤ ", ">=": "≥ "}
    lines = [
        (
            row["estimator"],
            row["case"],
            signs[row["claim"]] + _number(row["exact"], ".6f"),
            _number(row["estimate"], ".6f"),
            _number(row["stderr"], ".2g"),
            _number(row["z"], "+.2f"),
            _verdict(row),
        )
        for row in rows
    ]
    header = ("estimator", "case", "exact", "estimate", "stderr", "z", "verdict")
    return _table(lines, header)


def _verdict(row: dict[str, Any]) -> str:
    allowed = f"(± {row['tolerance']:.1g})" if row["tolerance"] else ""
    return " ".join(part for part in (row["verdict"], allowed, row["reason"]) if part)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def doctor(arguments: Namespace) -> int:
    """``doctor``: versions, device, data, and what to fix."""
    from genbench import diagnosis

    findings = diagnosis.examine(arguments.data_dir)
    _out(_table([(f.what, f.state, f.advice) for f in findings], ("what", "state", "what to do")))
    return ExitCode.OK if all(f.healthy for f in findings) else ExitCode.USAGE
