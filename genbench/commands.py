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
        together=arguments.together,
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
    parts += ["--together"] if arguments.together else []
    return shlex.join(parts)


def report(arguments: Namespace) -> int:
    """``report``: tables, figures and a page from stored results alone."""
    from genbench.reporting import build_report, load_results, terminal_table

    frame = load_results(arguments.results, arguments.suite)
    page = build_report(arguments.results, arguments.reports, arguments.suite)
    _out(terminal_table(frame))
    _out(f"\nreport: {page}")
    return ExitCode.OK


def compare(arguments: Namespace) -> int:
    """``compare``: two results number by number, without torch."""
    from genbench import comparison

    names = (arguments.first, arguments.second)
    sides = [comparison.resolve(name, arguments.results, arguments.suite) for name in names]
    found = comparison.compare(*sides)
    if arguments.format == "json":
        _out(json.dumps(comparison.as_json(found), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _out(comparison.as_text(found, _table))
    if arguments.output:
        comparison.write_comparison(found, arguments.output)
        _note(f"written: {arguments.output}")
    return ExitCode.OK


def check(arguments: Namespace) -> int:
    """``check``: stored numbers against a baseline; exit 1 if one is worse; without torch."""
    from genbench import gate

    margins = gate.parse_margins(arguments.margins)
    if arguments.update:
        return _update_baseline(arguments, margins)
    if arguments.calibrate:
        return _calibrate_gate(arguments, margins)
    outcome = gate.check(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        baseline_results=arguments.baseline_results,
        margins=margins,
        strict=arguments.strict,
    )
    _out(gate.FORMATS[arguments.format](outcome))
    if arguments.format == "github":
        gate.append_summary(outcome)
    if outcome.exit_code:
        _note(f"genbench: {gate.headline(outcome)}")
    return outcome.exit_code


def _update_baseline(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench import gate

    done = gate.update(arguments.baseline, arguments.results, arguments.suite, margins=margins)
    _out(f"{arguments.baseline}: {done.text}")
    for line in done.narrow:
        _note(f"spread over more than half its margin (--margin widens it): {line}")
    return ExitCode.OK


def _calibrate_gate(arguments: Namespace, margins: dict[str, float]) -> int:
    from genbench.gate import calibration, machine, texts

    n_seeds, trials, loss = arguments.seeds, arguments.trials, arguments.loss
    rates = calibration.measure(
        arguments.baseline,
        arguments.results,
        arguments.suite,
        margins=margins,
        n_seeds=n_seeds,
        trials=trials,
        loss=loss,
    )
    shown = machine.rates_json if arguments.format == "json" else texts.rates_text
    _out(shown(rates, n_seeds, loss))
    return ExitCode.OK


def list_known(arguments: Namespace) -> int:
    """``list``: what there is, a line each; without torch."""
    from genbench.catalogue import LISTINGS

    found = LISTINGS[arguments.what]()
    _out(_table(found.rows, found.header))
    return ExitCode.OK


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


def bench(arguments: Namespace) -> int:
    """``bench``: speed beside the limit; with ``--compare`` exit 1 if a row is slower."""
    from genbench.bench.run import run_bench
    from genbench.bench.scaling import draw
    from genbench.bench.table import as_text

    rows = run_bench(
        _bench_settings(arguments), old=arguments.compare, output=arguments.output, say=_note
    )
    if arguments.format == "json":
        _out(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _out(as_text(rows, _table))
    if arguments.study:
        _note(f"drawn: {', '.join(map(str, draw(rows, arguments.figures)))}")
    slower = [row for row in rows if row.get("verdict") == "slower"]
    if slower:
        _note(f"genbench: {len(slower)} of {len(rows)} benchmarks are slower")
        return ExitCode.REGRESSION
    return ExitCode.OK


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _bench_settings(arguments: Namespace) -> Any:
    from genbench.bench.settings import Settings

    shared = ("device", "hidden", "latent_dim", "n_samples", "study", "values", "data_dir")
    same: dict[str, Any] = {name: getattr(arguments, name) for name in shared}
    return Settings(
        **same,
        models=_names(arguments.models),
        tasks=_names(arguments.tasks) if arguments.tasks else None,
        batch_sizes=arguments.batch_sizes or ((128,) if arguments.quick else (20, 128)),
        seconds=(0.2 if arguments.quick else 1.0)
        if arguments.seconds is None
        else arguments.seconds,
    )


def doctor(arguments: Namespace) -> int:
    """``doctor``: versions, device, data, and what to fix."""
    from genbench import diagnosis

    findings = diagnosis.examine(arguments.data_dir)
    _out(_table([(f.what, f.state, f.advice) for f in findings], ("what", "state", "what to do")))
    return ExitCode.OK if all(f.healthy for f in findings) else ExitCode.USAGE
