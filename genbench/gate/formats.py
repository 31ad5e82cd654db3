"""The gate's outcome for programs: JSON, JUnit's XML, GitHub's annotations and summary."""

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

from genbench.core.files import readable_json
from genbench.core.junit import clean, junit_case, junit_xml
from genbench.core.markdown import in_markdown
from genbench.gate.calibration import Rate
from genbench.gate.check import GateOutcome
from genbench.gate.texts import HEAD, ORDER, cells, headline, ordered, text
from genbench.gate.verdicts import Verdict

MOST = 10
"""Number of annotations that GitHub shows per step."""
_LEVELS = {"worse": "error", "better": "warning", "inconclusive": "notice"}

_COMMANDS = re.compile(r":(?=:)|##(?=\[)")
"""What GitHub takes for a command: ``::`` after any spaces, ``##[`` anywhere in a line."""


def as_json(outcome: GateOutcome) -> str:
    """Return the outcome as a JSON object: summary, what does not match, and a row per verdict."""
    content = {
        "schema": 1,
        "suite": outcome.suite,
        "baseline": outcome.baseline,
        "exit_code": int(outcome.exit_code),
        "summary": {word: len(outcome.having(word)) for word in ORDER},
        "mismatches": [vars(mismatch) for mismatch in outcome.mismatches],
        "notes": list(outcome.notes),
        "uncertified": list(outcome.uncertified),
        "verdicts": [verdict.row() for verdict in ordered(outcome.verdicts)],
    }
    return readable_json(content)


def rates_json(rates: Sequence[Rate], n_seeds: int, loss: float) -> str:
    """Return measured error rates as a JSON object."""
    rows = [rate.row() for rate in rates]
    return readable_json({"schema": 1, "seeds": n_seeds, "loss": loss, "rates": rows})


def as_junit(outcome: GateOutcome) -> str:
    """Return the outcome as JUnit's XML: a test case per number.

    ``worse`` is a failure, ``inconclusive`` is skipped (a failure if strict), a mismatch an error.
    """
    classname = f"{outcome.suite}.certified"
    cases = [
        *(_case(outcome, verdict) for verdict in ordered(outcome.verdicts)),
        *(junit_case(outcome.suite, m.name, "error", m.text) for m in outcome.mismatches),
        *(junit_case(classname, n, "failure", _uncertified(n)) for n in outcome.uncertified),
    ]
    return junit_xml(f"genbench check {outcome.suite}", cases, headline(outcome))


def _case(outcome: GateOutcome, verdict: Verdict) -> ET.Element:
    then = verdict.then
    known = f"{outcome.suite}.{then.model}", then.label
    if verdict in outcome.failing:
        return junit_case(*known, "failure", sentence(verdict))
    if verdict.word == "inconclusive":
        return junit_case(*known, "skipped", sentence(verdict))
    case = junit_case(*known)
    if verdict.word == "better":
        ET.SubElement(case, "system-out").text = clean(sentence(verdict))
    return case


def _uncertified(name: str) -> str:
    return f"{name}: this likelihood was not certified"


def sentence(verdict: Verdict) -> str:
    """Return a verdict as one sentence.

    Its numbers are rounded for people; the JSON rows have all digits.
    """
    then, note = verdict.then, f" ({verdict.note})" if verdict.note else ""
    if verdict.now is None or verdict.difference is None:
        return f"{then.name}: {verdict.word}{note}"
    width = "" if verdict.halfwidth is None else f" ± {verdict.halfwidth:.2g} (95 %)"
    margin = "" if then.margin is None else f", margin {then.margin:g}"
    return (
        f"{then.name}: {verdict.word}, {then.mean:.6g} in the baseline, now {verdict.now.mean:.6g}:"
        f" {verdict.difference:+.3g}{width} {then.unit}{margin}{note}"
    )


def as_github(outcome: GateOutcome) -> str:
    """Return at most ten annotations, a count of the rest, then the plain text."""
    every = list(_annotations(outcome))
    shown = every if len(every) <= MOST else [*every[: MOST - 1], _rest(every[MOST - 1 :])]
    commands = [
        f"::{level} title={_escape(title, ':,')}::{_escape(m)}" for level, title, m in shown
    ]
    plain = _COMMANDS.sub(r"\g<0> ", text(outcome))  # no name can smuggle in a command
    return "\n".join([*commands, plain])


def _annotations(outcome: GateOutcome) -> Iterator[tuple[str, str, str]]:
    title = f"genbench check {outcome.suite}"
    for mismatch in outcome.mismatches:
        yield "error", title, mismatch.text
    for name in outcome.uncertified:
        yield "error", title, _uncertified(name)
    for verdict in ordered(outcome.verdicts):
        if verdict.word in _LEVELS:
            level = "error" if verdict in outcome.failing else _LEVELS[verdict.word]
            yield level, title, sentence(verdict)


def _rest(annotations: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    levels = [level for level, _, _ in annotations]
    worst = next(level for level in ("error", "warning", "notice") if level in levels)
    counts = ", ".join(f"{levels.count(n)} {n}s" for n in dict.fromkeys(levels))
    more = f"and {len(annotations)} more ({counts}); the log has all"
    return worst, annotations[0][1], more


def _escape(words: str, more: str = "") -> str:
    """Escape what would end a workflow command's message or property."""
    for character in f"%\r\n{more}":
        words = words.replace(character, f"%{ord(character):02X}")
    return words


def append_summary(outcome: GateOutcome) -> None:
    """Append the Markdown table to GitHub's summary file, if there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:  # tools of a step share this file
            file.write(as_markdown(outcome))


def as_markdown(outcome: GateOutcome) -> str:
    """Return the outcome as Markdown: a table of what is not ``same``, the rest in a sentence."""
    parts = [f"### genbench check {in_markdown(outcome.suite)}", in_markdown(headline(outcome))]
    if outcome.mismatches:
        parts.append(
            "\n".join(f"- {in_markdown(mismatch.text)}" for mismatch in outcome.mismatches)
        )
    if outcome.uncertified:
        parts.append(f"Without a certificate: {in_markdown(', '.join(outcome.uncertified))}.")
    moved = [verdict for verdict in ordered(outcome.verdicts) if verdict.word != ORDER[-1]]
    if moved:
        lines = [HEAD, ("---",) * len(HEAD), *(cells(verdict) for verdict in moved)]
        parts.append("\n".join(f"| {' | '.join(map(in_markdown, line))} |" for line in lines))
    parts += [f"Note: {in_markdown(note)}" for note in outcome.notes]
    return "\n\n".join(parts) + "\n"
