"""Writes baselines: the expected numbers of a suite, keeping margins that were set before."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genbench.core.errors import RunsFailedError
from genbench.core.files import write_if_changed
from genbench.gate.baseline import Baseline, BaselineError, read_baseline
from genbench.gate.margins import with_margins
from genbench.gate.statistics import is_contradicted, prior_sd
from genbench.gate.suite_results import SuiteResults, read_results, results_in
from genbench.results.numbers_frame import completed

DEFAULT_SUITE = "digits"


@dataclass(frozen=True)
class BaselineUpdate:
    """A baseline, and what an update changed in it."""

    baseline: Baseline
    written: bool
    new: int
    gone: int
    moved: int
    margins_moved: int

    @property
    def text(self) -> str:
        """One line for people."""
        n = len(self.baseline.metrics)
        if not self.written:
            return f"{n} numbers of suite '{self.baseline.suite}', unchanged"
        changes = f"{self.moved} changed, {self.new} new, {self.gone} removed"
        if self.margins_moved:
            changes += f", {self.margins_moved} with another margin"
        return f"{n} numbers of suite '{self.baseline.suite}': {changes}"

    @property
    def narrow(self) -> list[str]:
        """Numbers with a spread between seeds of more than half their margin."""
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

    Margins of the old file are kept unless ``margins`` overrides them.

    Args:
        baseline: The file.
        results: The results folder.
        suite: Name of the suite; by default that of the old file, or ``digits``.
        margins: By metric, or by ``model/metric``.

    Raises:
        BaselineError: The old file is damaged or of another suite.
        ConfigError: A margin is of none of the numbers, or not positive.
        RunsFailedError: Some runs failed or diverged.
        StorageError: The results cannot be read, or the file cannot be written; it is untouched.
    """
    old = _old(baseline)
    now = read_results(results, suite or (old.suite if old else DEFAULT_SUITE))
    return _write(baseline, old, now, margins)


def update_from_frame(
    frame: pd.DataFrame, baseline: Path, *, margins: Mapping[str, float] | None = None
) -> BaselineUpdate:
    """Make a table with the columns of ``metrics.csv`` the expected numbers.

    Raises:
        BaselineError: The table has several suites, or the old file is of another one.
        ConfigError: A margin is of none of the numbers, or not positive.
        RunsFailedError: Some runs failed or diverged.
    """
    frame = completed(frame)
    old, names = _old(baseline), sorted(set(frame["suite"]))
    if len(names) != 1:
        raise BaselineError(f"a baseline covers one suite, but the table has {len(names)}: {names}")
    return _write(baseline, old, results_in(frame), margins)


def _old(path: Path) -> Baseline | None:
    return read_baseline(path) if path.exists() else None


def _write(
    path: Path, old: Baseline | None, now: SuiteResults, margins: Mapping[str, float] | None
) -> BaselineUpdate:
    _require_numbers(now)
    if old and old.suite != now.name:
        raise BaselineError(f"{path} is for suite '{old.suite}', the results are of '{now.name}'")
    before = {entry.key: entry for entry in old.metrics} if old else {}
    after = {entry.key: entry for entry in with_margins(now.entries, margins, before.values())}
    baseline = Baseline(suite=now.name, provenance=now.provenance, metrics=tuple(after.values()))
    written = write_if_changed(Path(os.path.realpath(path)), baseline.text())
    both = after.keys() & before.keys()
    moved = sum(after[key].values != before[key].values for key in both)
    margins_moved = sum(after[key].margin != before[key].margin for key in both)
    new, gone = len(after.keys() - before), len(before.keys() - after)
    return BaselineUpdate(baseline, written, new, gone, moved, margins_moved)


def _require_numbers(now: SuiteResults) -> None:
    if lost := [number for number in now.absent if number.is_failure]:
        named = sorted({f"{number.model} seed {number.seed} {number.status}" for number in lost})
        raise RunsFailedError(f"cannot make a baseline from failed runs: {', '.join(named[:5])}")
    if not now.entries:
        raise BaselineError(f"the results of suite '{now.name}' have no numbers to compare")
