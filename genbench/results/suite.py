"""A suite's stored results, opened once and passed down to whoever reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from genbench.core.errors import ConfigError
from genbench.core.locks import undisturbed
from genbench.core.metric import Metrics, by_name
from genbench.core.plot import Plot
from genbench.results.blocks import arranged, blocks_of
from genbench.results.cells import ProtocolBlock
from genbench.results.certified import CERTIFIED, ClaimKey, certified_claims, read_certificates
from genbench.results.convergence import unconverged
from genbench.results.figure_inputs import FigureInputs, figure_inputs
from genbench.results.leaderboard import Leaderboard
from genbench.results.metrics_table import TABLE, read_table, suite_folder
from genbench.results.odd_models import setbacks, warnings_of
from genbench.results.paired import ranked
from genbench.results.per_datum import PerDatumValues
from genbench.results.records import SUITE, StoredRun, SuiteRecord, read_record
from genbench.results.run_folder import RunFolder
from genbench.results.run_tables import of_models, run_table
from genbench.results.standings import leaderboard_of
from genbench.results.studies import STUDIES, STUDY, StoredStudy, read_study
from genbench.results.suite_folder import SuiteFolder
from genbench.results.unedited import require_unedited

CONTROLS = (
    "independent_pixels",
    "mean_image",
    "copier",
    "data",
    "blur",
    "missing_class",
    "kmeans",
)
"""Recipes that are there to be compared with, and win nothing."""


@dataclass(frozen=True)
class StoredSuite:
    """One suite that was run.

    Attributes:
        folder: ``results/<suite>``.
        record: The content of ``suite.json``.
        table: The content of ``metrics.csv``; a collection's holds the rows of its members too.
        provenances: Where and when each run was done whose folder is there, by its train_id.
    """

    folder: Path
    record: SuiteRecord
    table: pd.DataFrame
    provenances: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, results: Path, name: str) -> "StoredSuite":
        """Read a suite's record and table.

        Raises:
            StorageError: There is no such suite (the nearest name is given), a file is damaged, or
                an older genbench wrote it.
        """
        folder = suite_folder(results, name)
        with undisturbed(folder):
            return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> "StoredSuite":
        """Read a suite while the lock of its folder is held; see :meth:`open`."""
        sealed = SuiteFolder(folder)
        sealed.require_contained()
        table, record = read_table(folder), read_record(folder / SUITE)
        provenances = require_unedited(folder, record, table)
        sealed.require_unchanged()
        return cls(folder, record, table, provenances)

    @property
    def name(self) -> str:
        """The suite's name."""
        return self.record.name

    @property
    def title(self) -> str:
        """The suite's title."""
        return self.record.title or self.name

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows of the suite itself, without those of a collection's members."""
        return self.table[self.table["suite"] == self.name] if self.record.members else self.table

    @cached_property
    def metrics(self) -> Metrics:
        """How each metric is treated, by its name in the table."""
        return by_name(self.record.metrics)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a person calls each metric."""
        return {metric.name: metric.title for metric in self.record.metrics}

    @cached_property
    def models(self) -> list[str]:
        """Names of its models in the order of its file."""
        return list(dict.fromkeys([*(run.model for run in self.record.runs), *self.frame["model"]]))

    @cached_property
    def controls(self) -> set[str]:
        """Names of the models that win nothing."""
        return {run.model for run in self.record.runs if run.recipe in CONTROLS}

    @cached_property
    def elsewhere(self) -> set[str]:
        """Names of the models that were trained elsewhere."""
        return {run.model for run in self.record.runs if run.trained_elsewhere}

    @cached_property
    def closed_form(self) -> dict[str, bool | None]:
        """Whether each model is fitted without an optimiser; None where nothing says so."""
        return {run.model: run.closed_form for run in self.record.runs}

    @cached_property
    def per_datum(self) -> PerDatumValues:
        """Values behind the numbers."""
        return PerDatumValues(self.folder)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The test rows, models in order; see :func:`genbench.results.blocks.arranged`."""
        return arranged(self.frame, self.models)

    @cached_property
    def blocks(self) -> list[ProtocolBlock]:
        """The comparison, one block per protocol, with the standing of each number."""
        names = (self.models, self.controls, self.elsewhere, self.closed_form)
        unmarked = blocks_of(self.frame, self.metrics, *names)
        sequential = self.record.until_decided is not None
        blocks = (replace(block, sequential=sequential) for block in unmarked)
        return [ranked(block, self.per_datum) for block in blocks]

    @cached_property
    def leaderboards(self) -> list[Leaderboard]:
        """Which model is best: one leaderboard per protocol.

        Raises:
            StorageError: The history of a run, or the values behind a number, are damaged.
        """
        recipes = {run.model: run.recipe for run in self.record.runs}
        setback = setbacks((run, self.run_folder(run)) for run in self.record.runs)
        trained = (recipes, setback, unconverged(self.record.runs))
        return [
            leaderboard_of(block, self.per_datum, warnings_of(block, *trained), self.certified)
            for block in self.blocks
        ]

    @cached_property
    def certified(self) -> Mapping[ClaimKey, str]:
        """What was checked of each claim that was certified, in words.

        Raises:
            StorageError: The file is damaged.
        """
        return certified_claims(read_certificates(self.folder / CERTIFIED), self.record.runs)

    @cached_property
    def studies(self) -> list[StoredStudy]:
        """The studies that ended, in the order of its file.

        Raises:
            StorageError: A file is missing or damaged.
        """
        ended = [entry.name for entry in self.record.studies if entry.status == "ok"]
        return [read_study(self.folder / STUDIES / name) for name in ended]

    def run_folder(self, run: StoredRun) -> RunFolder:
        """Return the folder of one of its runs."""
        return self._run_folders[run.train_id]

    @cached_property
    def _run_folders(self) -> dict[str, RunFolder]:
        ids = dict.fromkeys(run.train_id for run in self.record.runs)
        return {train_id: RunFolder(self.folder, train_id) for train_id in ids}

    def member(self, name: str) -> "StoredSuite | None":
        """Open a suite beside this one; None where it was not run yet."""
        present = (self.folder.parent / name / TABLE).is_file()  # it is written last
        return StoredSuite.open(self.folder.parent, name) if present else None

    def require_no_collection(self) -> None:
        """Refuse a collection, whose suites are compared and gated one by one.

        Raises:
            ConfigError: It is one; its suites are named.
        """
        names = sorted(self.table["suite"].unique())
        if len(names) > 1:
            raise ConfigError(
                f"'{self.name}' is a collection; name one of its suites: {', '.join(names)}"
            )

    def plot(self, name: str) -> Plot | None:
        """Return the figure of that name that the suite file declares."""
        return next((plot for plot in self.record.plots if plot.name == name), None)

    def table_of(self, plot: Plot) -> pd.DataFrame:
        """Return the rows that a declared figure shows."""
        rows = run_table(plot.table, self.folder, self.frame, self.record.runs)
        return of_models(rows, plot.models)

    def figure_inputs(self, models: Sequence[str] = ()) -> list[FigureInputs]:
        """Return what figures show of each of these models, in this order; of all if none is named.

        Raises:
            StorageError: A file is damaged.
        """
        if not models:
            return self._figure_inputs_of_all
        return figure_inputs(self.folder, self._runs_of(models))

    @cached_property
    def _figure_inputs_of_all(self) -> list[FigureInputs]:
        return figure_inputs(self.folder, self.record.runs)

    def _runs_of(self, models: Sequence[str]) -> list[StoredRun]:
        names = pd.DataFrame({"model": [run.model for run in self.record.runs]})
        places = [i for name in models for i in of_models(names, [name]).index]
        return [self.record.runs[i] for i in places]

    @property
    def seconds(self) -> float:
        """How long its runs took together."""
        times = ((run.train_seconds, run.evaluate_seconds) for run in self.record.runs)
        return sum(second or 0.0 for pair in times for second in pair)


def study_file(results: Path, suite: str, study: str) -> Path:
    """Return the record of a study, which need not exist."""
    return results / suite / STUDIES / study / STUDY
