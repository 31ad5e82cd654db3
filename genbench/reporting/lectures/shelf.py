"""What the page finds in the results: studies and suites, or nothing yet; damage is an error.

May import pandas and this package's readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pandas as pd

from genbench.core import numbers
from genbench.core.plot import Plot
from genbench.reporting.figures import ShownRun, shown_runs
from genbench.reporting.runtables import of_models, run_table
from genbench.reporting.stored import RunRecord, SuiteRecord, load_suite
from genbench.reporting.studied import StoredStudy, read_study
from genbench.reporting.style import colours
from genbench.results.metrics_table import load_results


@dataclass(frozen=True)
class StoredSuite:
    """One suite that was run."""

    record: SuiteRecord
    frame: pd.DataFrame
    folder: Path

    @cached_property
    def models(self) -> list[str]:
        """Names of its models in the order of its file."""
        return list(dict.fromkeys([*(run.model for run in self.record.runs), *self.frame["model"]]))

    @cached_property
    def palette(self) -> dict[str, str]:
        """A colour for each model."""
        return colours(self.models)

    def plot(self, name: str) -> Plot | None:
        """The figure of that name that the suite file declares."""
        return next((plot for plot in self.record.plots if plot.name == name), None)

    def table(self, plot: Plot) -> pd.DataFrame:
        """The rows that a declared figure shows."""
        rows = run_table(plot.table, self.folder, self.frame, self.record.runs)
        return of_models(rows, plot.models)

    def shown(self, models: Sequence[str]) -> list[ShownRun]:
        """A run of each of these models, in this order; of all if none are named."""
        runs = self._wanted(models)
        return shown_runs(self.folder, runs)

    def rows(self, models: Sequence[str]) -> pd.DataFrame:
        """The rows of ``metrics.csv`` of these models; of all if none are named."""
        return of_models(self.frame, models)

    @property
    def seconds(self) -> float:
        """Time of its runs together."""
        times = ((run.train_seconds, run.evaluate_seconds) for run in self.record.runs)
        return sum(second or 0.0 for pair in times for second in pair)

    def _wanted(self, models: Sequence[str]) -> list[RunRecord]:
        if not models:
            return list(self.record.runs)
        found = pd.DataFrame({"model": [run.model for run in self.record.runs]})
        places = [i for name in models for i in of_models(found, [name]).index]
        return [self.record.runs[i] for i in places]


class Shelf:
    """Reads each study and suite once; ``None`` stands for what was not run yet."""

    def __init__(self, results_dir: Path, suite: str) -> None:
        self.results_dir, self.suite_name = results_dir, suite
        self.study = cache(self._study)
        self.suite = cache(self._suite)

    def _study(self, name: str) -> StoredStudy | None:
        suite, study = self._home(name)
        folder = self.results_dir / suite / "studies" / study
        return read_study(folder) if (folder / "manifest.json").is_file() else None

    def _suite(self, name: str) -> StoredSuite | None:
        folder = self.results_dir / name
        if not (folder / "metrics.csv").is_file():
            return None
        record, frame = load_suite(self.results_dir, name), load_results(self.results_dir, name)
        return StoredSuite(record, frame, folder)

    def suite_command(self, name: str) -> str:
        """The command that makes a suite's results."""
        return f"python -m genbench run --suite {name}"

    def study_command(self, name: str) -> str:
        """The command that makes one study's results."""
        suite, study = self._home(name)
        return f"python -m genbench run --suite {suite} --studies {study}"

    def _home(self, name: str) -> tuple[str, str]:
        """Split ``suite/study``; a study without a suite belongs to the page's own."""
        suite, _, study = name.rpartition("/")
        return suite or self.suite_name, study

    def took(self, *, suite: str = "", study: str = "") -> str:
        """How long it took, where it is known."""
        found = self.suite(suite) if suite else self.study(study)
        return numbers.seconds(found.seconds) if found and found.seconds else ""
