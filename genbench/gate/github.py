"""The gate's outcome for GitHub Actions: annotations, and the step's summary in Markdown."""

import os
from collections.abc import Iterator
from pathlib import Path

from genbench.gate.check import GateOutcome
from genbench.gate.json_junit import sentence
from genbench.gate.texts import HEAD, ORDER, cells, headline, ordered, text

MOST = 10
"""Annotations that GitHub shows of one step."""
_LEVELS = {"worse": "error", "better": "warning", "inconclusive": "notice"}


def as_github(outcome: GateOutcome) -> str:
    """Return annotations, ten at most with the rest summed up, then the plain text."""
    every = list(_annotations(outcome))
    shown = every if len(every) <= MOST else [*every[: MOST - 1], _rest(every[MOST - 1 :])]
    commands = [
        f"::{level} title={_escape(title, ':,')}::{_escape(m)}" for level, title, m in shown
    ]
    plain = text(outcome).replace("\n::", "\n ::")  # so that no name smuggles in a command
    return "\n".join([*commands, plain])


def _annotations(outcome: GateOutcome) -> Iterator[tuple[str, str, str]]:
    title = f"genbench check {outcome.suite}"
    for mismatch in outcome.mismatches:
        yield "error", title, mismatch.text
    for verdict in ordered(outcome.verdicts):
        if verdict.word in _LEVELS:
            level = "error" if verdict in outcome.failing else _LEVELS[verdict.word]
            yield level, title, sentence(verdict)


def _rest(annotations: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    levels = [level for level, _, _ in annotations]
    worst = next(level for level in ("error", "warning", "notice") if level in levels)
    counts = ", ".join(f"{levels.count(n)} {n}s" for n in dict.fromkeys(levels))
    more = f"and {len(annotations)} more ({counts}); the log has all of them"
    return worst, annotations[0][1], more


def _escape(words: str, more: str = "") -> str:
    """Escape what ends a workflow command's message, or its property."""
    for character in f"%\r\n{more}":
        words = words.replace(character, f"%{ord(character):02X}")
    return words


def append_summary(outcome: GateOutcome) -> None:
    """Append the Markdown table to the file that GitHub names, if it names one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:  # a step's tools share this file
            file.write(as_markdown(outcome))


def as_markdown(outcome: GateOutcome) -> str:
    """Return the outcome as Markdown: what is not ``same`` in a table, the rest in a sentence."""
    parts = [f"### genbench check {outcome.suite}", headline(outcome)]
    if outcome.mismatches:
        parts.append("\n".join(f"- {_cell(mismatch.text)}" for mismatch in outcome.mismatches))
    moved = [verdict for verdict in ordered(outcome.verdicts) if verdict.word != ORDER[-1]]
    if moved:
        lines = [HEAD, ("---",) * len(HEAD), *(cells(verdict) for verdict in moved)]
        parts.append("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))
    parts += [f"Note: {note}" for note in outcome.notes]
    return "\n\n".join(parts) + "\n"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
