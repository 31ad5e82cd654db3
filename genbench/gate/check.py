"""The gate: reads both sides, compares their sets of numbers, then the numbers."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from genbench.core.errors import ExitCode
from genbench.gate.baseline import Baseline, BaselineError, Provenance, read_baseline
from genbench.gate.keys import Mismatch, mismatches
from genbench.gate.margins import with_margins
from genbench.gate.suite_results import SuiteResults, read_results, results_in
from genbench.gate.verdicts import Lookup, Verdict, Word, no_values, verdicts_of

Requirement = Literal["certified"]


@dataclass(frozen=True)
class GateOutcome:
    """The gate's result for a suite.

    Attributes:
        mismatches: Why the sides cannot be compared; if there are any, there are no verdicts.
        notes: What a reader should know about the comparison as a whole.
        strict: Whether ``inconclusive`` fails.
        uncertified: The likelihoods without the certificate that was required.
    """

    suite: str
    baseline: str
    mismatches: tuple[Mismatch, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    strict: bool = False
    uncertified: tuple[str, ...] = ()

    def having(self, word: Word) -> list[Verdict]:
        """Return the verdicts of one kind."""
        return [verdict for verdict in self.verdicts if verdict.word == word]

    @property
    def failing(self) -> list[Verdict]:
        """Return the verdicts that turn the gate red."""
        return self.having("worse") + (self.having("inconclusive") if self.strict else [])

    @property
    def exit_code(self) -> ExitCode:
        """0; 1 for a regression or a missing certificate; 6 if the sides cannot be compared."""
        if self.mismatches:
            return ExitCode.BASELINE
        return ExitCode.REGRESSION if self.failing or self.uncertified else ExitCode.OK


def check(
    baseline: Path,
    results: Path,
    suite: str | None = None,
    *,
    baseline_results: Path | None = None,
    margins: Mapping[str, float] | None = None,
    strict: bool = False,
    require: Collection[Requirement] = (),
) -> GateOutcome:
    """Compare the stored results of a suite with a baseline.

    Args:
        baseline: The file.
        results: The results folder, which contains the suite under its name.
        suite: Name of the suite; by default that of the baseline.
        baseline_results: A results folder with the runs behind the baseline; with it, numbers are
            compared per datum.
        margins: Override the baseline's margins, by metric or ``model/metric``.
        strict: ``inconclusive`` also fails.
        require: ``certified``: a likelihood that was not certified also fails.

    Raises:
        BaselineError: The baseline is missing, damaged, or of another suite.
        ConfigError: A margin is of no number of the baseline, or not positive.
        StorageError: The results are missing, damaged or still being written.
    """
    expected = read_baseline(baseline)
    now = read_results(results, suite or expected.suite)
    behind = read_results(baseline_results, expected.suite) if baseline_results else None
    values = behind.values if behind else no_values
    outcome = _outcome(baseline, expected, now, margins, strict, values)
    if "certified" not in require:
        return outcome
    return replace(outcome, uncertified=tuple(entry.name for entry in now.uncertified))


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
        ConfigError: A margin is of no number of the baseline, or not positive.
    """
    return _outcome(baseline, read_baseline(baseline), results_in(frame), margins, strict)


def _outcome(
    path: Path,
    expected: Baseline,
    now: SuiteResults,
    margins: Mapping[str, float] | None,
    strict: bool,
    values_then: Lookup = no_values,
) -> GateOutcome:
    if now.name != expected.suite:
        raise BaselineError(
            f"{path} is for suite '{expected.suite}', the results are of '{now.name}'"
        )
    if differing := tuple(mismatches(expected.metrics, now.entries, now.absent)):
        return GateOutcome(now.name, str(path), mismatches=differing, strict=strict)
    then = with_margins(expected.metrics, margins)
    verdicts = tuple(verdicts_of(then, now.entries, now.absent, values_then, now.values))
    notes = tuple(_notes(expected.provenance, now.provenance, verdicts))
    return GateOutcome(now.name, str(path), verdicts=verdicts, notes=notes, strict=strict)


def _notes(then: Provenance, now: Provenance, verdicts: Sequence[Verdict]) -> Iterator[str]:
    known = [(v.then, v.now, v.test) for v in verdicts if v.now]
    others = sum(old.train_ids != new.train_ids for old, new, _ in known)
    if others:
        yield (
            f"{others} of {len(known)} numbers come from runs with another identity than the "
            "baseline's: different options, data, budget or seeds"
        )
    same_machine = bool(now.fingerprint) and then.fingerprint == now.fingerprint
    if now.fingerprint and not same_machine:
        yield "the machine, number of threads or versions differ from the baseline's"
    moved = sum(t != "identical" and o.train_ids == n.train_ids for o, n, t in known)
    if moved and same_machine:
        yield (
            f"{moved} numbers of the same runs on the same kind of machine differ in their bits: "
            "the code changed, or something is not deterministic"
        )
