"""The gate: reads both sides, compares which numbers they hold, then the numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genbench.core.errors import ExitCode
from genbench.core.metric import Metrics
from genbench.gate.baseline import Baseline, BaselineError, Provenance, read_baseline
from genbench.gate.entries import Entry, absent, entries_of
from genbench.gate.keys import Mismatch, mismatches
from genbench.gate.margins import asked_margin
from genbench.gate.suite_results import read_results
from genbench.gate.verdicts import Lookup, Verdict, Word, verdicts_of
from genbench.results.metrics_table import metrics_of


@dataclass(frozen=True)
class GateOutcome:
    """What the gate says of a suite.

    Attributes:
        mismatches: Why the sides cannot be compared; if there are any, there are no verdicts.
        notes: What a reader should know about the comparison as a whole.
        strict: Whether ``inconclusive`` fails.
    """

    suite: str
    baseline: str
    mismatches: tuple[Mismatch, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    strict: bool = False

    def having(self, word: Word) -> list[Verdict]:
        """Return the verdicts of one kind."""
        return [verdict for verdict in self.verdicts if verdict.word == word]

    @property
    def failing(self) -> list[Verdict]:
        """Return the verdicts that turn the gate red."""
        return self.having("worse") + (self.having("inconclusive") if self.strict else [])

    @property
    def exit_code(self) -> ExitCode:
        """0, 1 for a regression, 6 where the sides cannot be compared."""
        if self.mismatches:
            return ExitCode.BASELINE
        return ExitCode.REGRESSION if self.failing else ExitCode.OK


def check(
    baseline: Path,
    results: Path,
    suite: str | None = None,
    *,
    baseline_results: Path | None = None,
    margins: Mapping[str, float] | None = None,
    strict: bool = False,
) -> GateOutcome:
    """Compare the stored results of a suite with a baseline.

    Args:
        baseline: The file.
        results: The results folder, which holds the suite under its name.
        suite: Name of the suite; that of the baseline unless stated.
        baseline_results: A results folder with the runs behind the baseline; with it, numbers are
            compared datum by datum.
        margins: Replace those of the baseline, by metric or ``model/metric``.
        strict: ``inconclusive`` fails too.

    Raises:
        BaselineError: The baseline is missing, damaged or of another suite.
        StorageError: The results are missing, damaged or still being written.
    """
    expected = read_baseline(baseline)
    now = read_results(results, suite or expected.suite)
    values_then: Lookup = _no_values
    if baseline_results is not None:
        values_then = read_results(baseline_results, expected.suite).values
    return _outcome(
        str(baseline), expected, now.name, now.suite.frame, now.suite.metrics,
        provenance=now.provenance, margins=margins or {}, strict=strict,
        values=(values_then, now.values),
    )  # fmt: skip


def check_frame(
    frame: pd.DataFrame,
    baseline: Path,
    *,
    margins: Mapping[str, float] | None = None,
    strict: bool = False,
) -> GateOutcome:
    """Compare a table, whose columns are those of ``metrics.csv``, with a baseline.

    Raises:
        BaselineError: The baseline is missing or damaged, or the table is of another suite.
    """
    expected = read_baseline(baseline)
    names = sorted(set(frame["suite"]))
    return _outcome(
        str(baseline), expected, ", ".join(names), frame, metrics_of(frame),
        provenance=Provenance(), margins=margins or {}, strict=strict,
        values=(_no_values, _no_values),
    )  # fmt: skip


def _outcome(
    path: str,
    expected: Baseline,
    suite: str,
    frame: pd.DataFrame,
    metrics: Metrics,
    *,
    provenance: Provenance,
    margins: Mapping[str, float],
    strict: bool,
    values: tuple[Lookup, Lookup],
) -> GateOutcome:
    if suite != expected.suite:
        raise BaselineError(f"{path} is of suite '{expected.suite}', the results are of '{suite}'")
    current, lost = _entries(frame, metrics), absent(frame)
    then = [with_margin(entry, margins) for entry in expected.metrics]
    if differing := tuple(mismatches(then, current, lost)):
        return GateOutcome(suite, path, mismatches=differing, strict=strict)
    verdicts = tuple(verdicts_of(then, current, lost, *values))
    notes = tuple(_notes(expected.provenance, provenance, verdicts))
    return GateOutcome(suite, path, verdicts=verdicts, notes=notes, strict=strict)


def with_margin(entry: Entry, margins: Mapping[str, float] | None) -> Entry:
    """Return the entry with the margin that the user asked for, if any."""
    asked = asked_margin(entry.model, entry.metric, margins or {})
    return entry if asked is None else entry.model_copy(update={"margin": asked})


def _no_values(entry: Entry) -> None:
    """A table alone has no per-datum values behind it."""


def _entries(frame: pd.DataFrame, metrics: Metrics) -> list[Entry]:
    try:
        return entries_of(frame, metrics)
    except ValueError as error:
        raise BaselineError(f"the results cannot be compared: {error}") from error


def _notes(then: Provenance, now: Provenance, verdicts: Sequence[Verdict]) -> Iterator[str]:
    known = [(v.then, v.now, v.test) for v in verdicts if v.now]
    others = sum(old.train_ids != new.train_ids for old, new, _ in known)
    if others:
        yield (
            f"{others} of {len(known)} numbers come from runs of another identity than the "
            "baseline's: other options, data, budget or seeds"
        )
    same_machine = bool(now.fingerprint) and then.fingerprint == now.fingerprint
    if now.fingerprint and not same_machine:
        yield "another machine, number of threads or versions than the baseline's"
    moved = sum(t != "identical" and o.train_ids == n.train_ids for o, n, t in known)
    if moved and same_machine:
        yield (
            f"{moved} numbers of the same runs on the same kind of machine have other bits: the "
            "code changed, or something is not deterministic"
        )
