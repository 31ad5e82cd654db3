"""``selftest``: every evaluator against exact answers."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from genbench.commands.printing import note, out, table
from genbench.core.errors import ExitCode


def selftest(arguments: Namespace) -> int:
    """``selftest``: every evaluator against exact answers; exit 4 if one is wrong."""
    from genbench.selftest import run_checks

    rows = [check.row() for check in run_checks()]
    if arguments.format == "json":
        out(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        out(_calibration(rows))
    wrong = [row["estimator"] for row in rows if row["verdict"] != "ok"]
    if wrong:
        note(
            f"genbench: {len(wrong)} of {len(rows)} checks failed: {', '.join(sorted(set(wrong)))}"
        )
        return ExitCode.RUNS_FAILED
    note(f"{len(rows)} checks: all within 4 standard errors, or rounding where the answer is exact")
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
    return table(lines, header)


def _verdict(row: dict[str, Any]) -> str:
    allowed = f"(± {row['tolerance']:.1g})" if row["tolerance"] else ""
    return " ".join(part for part in (row["verdict"], allowed, row["reason"]) if part)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
