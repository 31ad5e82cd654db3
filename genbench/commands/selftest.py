"""``selftest``: every evaluator against exact answers."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from genbench.commands.shared import Commands, add_command, add_format, note, out
from genbench.commands.streams import terminal
from genbench.core.claims import SIGNS
from genbench.core.errors import ExitCode
from genbench.core.files import readable_json
from genbench.core.texts import listed


def add_parser(commands: Commands) -> None:
    """Add ``selftest``."""
    parser = add_command(commands, "selftest", "check every evaluator against exact answers")
    add_format(parser)
    parser.add_argument("--device", default="cpu", help="auto, cpu (the default), cuda or cuda:N")
    parser.set_defaults(body=selftest)


def selftest(arguments: Namespace) -> int:
    """Check every evaluator; exit 4 if one is wrong."""
    from genbench.core.devices import device_name, evaluation_device, use_device
    from genbench.selftest import run_checks

    device = evaluation_device(use_device(arguments.device))
    rows = [check.row() for check in run_checks(device=device)]
    out(readable_json(rows) if arguments.format == "json" else _as_text(rows))
    wrong = [row["estimator"] for row in rows if row["verdict"] != "ok"]
    if wrong:
        named = ", ".join(sorted(set(wrong)))
        note(f"genbench: {len(wrong)} of {len(rows)} checks failed: {named}")
        return ExitCode.RUNS_FAILED
    where = "the processor" if device.type == "cpu" else device_name(device)
    note(f"{len(rows)} checks on {where}: all within 4 standard errors (rounding error if exact)")
    return ExitCode.OK


def _as_text(rows: Sequence[dict[str, Any]]) -> str:
    """Lay out the checks; ``≤`` before an exact answer means that the estimate may be lower."""
    lines = [
        (
            SIGNS[row["claim"]] + _number(row["exact"], ".6f"),
            _number(row["estimate"], ".6f"),
            _number(row["stderr"], ".2g"),
            _number(row["z"], "+.2f"),
            _verdict(row),
            _about(row),
        )
        for row in rows
    ]
    header = ("exact", "estimate", "stderr", "z", "verdict", "estimator: case")
    return listed(lines, header, terminal(), right=range(4))


def _verdict(row: dict[str, Any]) -> str:
    tolerance = f"(± {row['tolerance']:.1g})" if row["tolerance"] else ""
    return f"{row['verdict']} {tolerance}".strip()


def _about(row: dict[str, Any]) -> str:
    reason = f" ({row['reason']})" if row["reason"] else ""
    return f"{row['estimator']}: {row['case']}{reason}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
