"""Writes baselines: the expected numbers of a suite, with the margins that were set before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genbench.core.errors import RunsFailedError
from genbench.core.metric import Metrics
from genbench.gate.baseline import (
    Baseline,
    BaselineError,
    Provenance,
    read_baseline,
    write_baseline,
)
from genbench.gate.entries import Entry, absent, entries_of
from genbench.gate.margins import asked_margin
from genbench.gate.statistics import is_contradicted, prior_sd
from genbench.gate.suite_results import read_results
from genbench.results.metrics_table import metrics_of

DEFAULT_SUITE = "digits"


@dataclass(frozen=True)
class BaselineUpdate:
    """A baseline, and what an update changed in it."""

    baseline: Baseline
    written: bool
    new: int
    gone: int
    moved: int

    @property
    def text(self) -> str:
        """One line for people."""
        n = len(self.baseline.metrics)
        if not self.written:
            return f"{n} numbers of suite '{self.baseline.suite}', as they were"
        changes = f"{self.moved} moved, {self.new} new, {self.gone} gone"
        return f"{n} numbers of suite '{self.baseline.suite}': {changes}"

    @property
    def narrow(self) -> list[str]:
        """Numbers whose seeds spread over more than half their margin, with the spread."""
        return [
            f"{entry.name}: seed sd {entry.sd:.2g} {entry.unit}, margin {entry.margin:g}"
            for entry in self.baseline.metrics
            if entry.margin and entry.sd and is_contradicted(entry.values, prior_sd(entry.margin))
        ]


def update(
    baseline: Path,
    results: Path,
    suite: str | None = None,
    *,
    margins: Mapping[str, float] | None = None,
) -> BaselineUpdate:
    """Make a suite's results the expected numbers.

    Margins of the old file stay unless ``margins`` replaces them.

    Args:
        baseline: The file.
        results: The results folder.
        suite: Name of the suite; that of the old file, or ``digits``, unless stated.
        margins: By metric, or by ``model/metric``.

    Raises:
        BaselineError: There is an old file, but it is damaged or of another suite.
        RunsFailedError: Some runs failed or diverged, and make no baseline.
        StorageError: The results cannot be read, or the file cannot be written; it is untouched.
    """
    old = read_baseline(baseline) if baseline.exists() else None
    now = read_results(results, suite or (old.suite if old else DEFAULT_SUITE))
    entries = _entries(now.suite.frame, now.suite.metrics, now.name)
    return _write(baseline, old, entries, now.name, now.provenance, margins or {})


def update_from_frame(
    frame: pd.DataFrame, baseline: Path, *, margins: Mapping[str, float] | None = None
) -> BaselineUpdate:
    """Make a table with the columns of ``metrics.csv`` the expected numbers.

    Raises:
        BaselineError: The table holds several suites, or there is an old file of another one.
        RunsFailedError: Some runs failed or diverged.
    """
    old = read_baseline(baseline) if baseline.exists() else None
    names = sorted(set(frame["suite"]))
    if len(names) != 1:
        raise BaselineError(f"a baseline is of one suite, the table has {len(names)}: {names}")
    entries = _entries(frame, metrics_of(frame), names[0])
    return _write(baseline, old, entries, names[0], Provenance(), margins or {})


def _write(
    path: Path,
    old: Baseline | None,
    measured: Sequence[Entry],
    suite: str,
    provenance: Provenance,
    margins: Mapping[str, float],
) -> BaselineUpdate:
    if old and old.suite != suite:
        raise BaselineError(f"{path} is of suite '{old.suite}', the results are of '{suite}'")
    before = {entry.key: entry for entry in old.metrics} if old else {}
    entries = [_keep(entry, before.get(entry.key), margins) for entry in measured]
    baseline = Baseline(suite=suite, provenance=provenance, metrics=tuple(entries))
    written = write_baseline(path, baseline)
    now = {entry.key: entry for entry in entries}
    moved = sum(now[k].values != before[k].values for k in now.keys() & before.keys())
    return BaselineUpdate(
        baseline, written, len(now.keys() - before), len(before.keys() - now), moved
    )


def _entries(frame: pd.DataFrame, metrics: Metrics, suite: str) -> Sequence[Entry]:
    if lost := [number for number in absent(frame) if number.is_failure]:
        named = sorted({f"{number.model} seed {number.seed} {number.status}" for number in lost})
        raise RunsFailedError(f"no baseline of broken runs: {', '.join(named[:5])}")
    try:
        entries = entries_of(frame, metrics)
    except ValueError as error:
        raise BaselineError(f"the results make no baseline: {error}") from error
    if not entries:
        raise BaselineError(f"the results of suite '{suite}' hold no number to compare")
    return entries


def _keep(entry: Entry, before: Entry | None, margins: Mapping[str, float]) -> Entry:
    margin = asked_margin(entry.model, entry.metric, margins)
    if margin is None:
        margin = before.margin if before else entry.margin
    return entry.model_copy(update={"margin": margin})
