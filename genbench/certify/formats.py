"""Verdicts as text for a terminal, as JSON, and as JUnit's XML; no torch."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genbench.certify.verdict import Verdict
from genbench.core.files import readable_json
from genbench.core.junit import junit_case, junit_xml
from genbench.core.numbers import plain
from genbench.core.texts import Terminal, aligned, listed

HEADS = ("verdict", "claim", "check", "expected", "found", "±", "reason")
_NUMBERS = range(4, 6)


def as_text(verdicts: Sequence[Verdict], terminal: Terminal, *, verbose: bool = False) -> str:
    """Return a line for each recipe or model that passed, and every check that failed.

    Args:
        verdicts: In order.
        terminal: Where the text is printed.
        verbose: A line for every check that passed, too.
    """
    ok = [_cells(v)[:-1] for v in verdicts if v.passed]
    failed = [_cells(v) for v in verdicts if not v.passed]
    parts = (
        aligned(ok, HEADS[:-1], terminal, right=_NUMBERS) if verbose and ok else "",
        "" if verbose else _passed(verdicts, terminal),
        listed(failed, HEADS, terminal, right=_NUMBERS) if failed else "",
        terminal.paragraph(headline(verdicts), indent=2),
    )
    return "\n\n".join(part for part in parts if part)


def _cells(verdict: Verdict) -> tuple[str, ...]:
    return (
        "ok" if verdict.passed else "FAIL",
        verdict.subject,
        verdict.check,
        verdict.expected,
        "-" if math.isnan(verdict.found) else plain(verdict.found, 5),
        plain(verdict.tolerance, 2),
        verdict.reason,
    )


def _passed(verdicts: Sequence[Verdict], terminal: Terminal) -> str:
    """Return who passed every check: the claims, and how many checks that were."""
    by_name: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_name.setdefault(verdict.subject.partition(": ")[0], []).append(verdict)
    rows = [
        (name, str(len(some)), ", ".join(dict.fromkeys(map(_claim, some))))
        for name, some in by_name.items()
        if all(verdict.passed for verdict in some)
    ]
    return aligned(rows, ("passed", "checks", "claims"), terminal, right=[1]) if rows else ""


def _claim(verdict: Verdict) -> str:
    return verdict.subject.partition(": ")[2].partition("[")[0]


def headline(verdicts: Sequence[Verdict]) -> str:
    """Return the outcome in one line."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if not verdicts:
        return "nothing was certified: no claim of a likelihood was checked"
    if not failed:
        return f"passed: all of {len(verdicts)} checks"
    named = ", ".join(dict.fromkeys(verdict.subject for verdict in failed))
    return f"FAILED: {len(failed)} of {len(verdicts)} checks: {named}"


def as_json(verdicts: Sequence[Verdict]) -> str:
    """Return a list with an object for each check; what is no number is null."""
    return readable_json([_row(verdict) for verdict in verdicts])


def _row(verdict: Verdict) -> dict[str, Any]:
    row = verdict._asdict()
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def as_junit(verdicts: Sequence[Verdict]) -> str:
    """Return a test case for each check."""
    cases = [
        junit_case(v.subject, v.check, *(() if v.passed else ("failure", _sentence(v))))
        for v in verdicts
    ]
    return junit_xml("genbench certify", cases, headline(verdicts))


def _sentence(verdict: Verdict) -> str:
    return (
        f"expected {verdict.expected}, found {verdict.found:.6g}"
        f" (tolerance {verdict.tolerance:.2g}): {verdict.reason}"
    )


FORMATS: Mapping[str, Callable[[Sequence[Verdict]], str]] = {"json": as_json, "junit": as_junit}
