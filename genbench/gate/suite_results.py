"""What the gate reads from results: numbers, machine and per-datum values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, sha256_bytes
from genbench.core.metric import Metrics
from genbench.core.protocol import Protocol
from genbench.gate.baseline import BaselineError, Provenance
from genbench.gate.entries import Absent, Entry, absent, entries_of, stable_name
from genbench.gate.statistics import Matrix
from genbench.results.cells import SeedValue
from genbench.results.certified import ClaimKey
from genbench.results.metrics_table import metrics_of
from genbench.results.numbers_frame import completed
from genbench.results.per_datum import PerDatumValues, value_key
from genbench.results.run_folder import RunFolder
from genbench.results.suite import StoredSuite

_MACHINE = ("device", "threads", "system", "machine", "versions")


@dataclass(frozen=True)
class SuiteResults:
    """A suite's results, stored or in a user's table.

    Attributes:
        name: Name of the folder, or of all suites in the table.
        frame: A table with the columns of ``metrics.csv``.
        metrics: Records of its metrics by name.
        per_datum: None for a table.
        certified: The claims that were certified, by the model's name here.
    """

    name: str
    frame: pd.DataFrame
    metrics: Metrics
    provenance: Provenance
    per_datum: PerDatumValues | None = None
    certified: Collection[ClaimKey] = ()

    @cached_property
    def entries(self) -> list[Entry]:
        """The numbers that the gate compares.

        Raises:
            BaselineError: A seed has two rows for a number, or seeds measured different things.
        """
        try:
            return entries_of(self.frame, self.metrics)
        except ValueError as error:
            raise BaselineError(f"the results cannot be compared: {error}") from error

    @property
    def uncertified(self) -> list[Entry]:
        """The likelihoods among its numbers that were not certified."""
        return [
            entry
            for entry in self.entries
            if (record := self.metrics.get(entry.metric)) and record.claims_likelihood
            if ClaimKey(entry.model, entry.metric, entry.version) not in self.certified
        ]

    @cached_property
    def absent(self) -> list[Absent]:
        """The rows without a number."""
        return absent(self.frame)

    def values(self, entry: Entry) -> Matrix | None:
        """Return the values (S, n) behind an entry, a row per seed; None unless all are stored.

        Their means must match the entry's, so values of other runs are not mistaken for its own.
        """
        if self.per_datum is None:
            return None
        condition = Protocol.parse(entry.protocol).condition
        key = value_key(entry.split, entry.metric, condition, entry.version, entry.options)
        seeds = tuple(map(SeedValue, entry.seeds, entry.train_ids, entry.values))
        by_seed = self.per_datum.by_seed(key, seeds, entry.n)
        return None if by_seed is None else np.stack([by_seed[seed] for seed in entry.seeds])


def results_in(frame: pd.DataFrame) -> SuiteResults:
    """Return the results in a table, with the metric records attached to it."""
    whole = completed(frame)
    name = ", ".join(sorted(set(whole["suite"])))
    return SuiteResults(name, whole, metrics_of(frame), Provenance())


def read_results(results: Path, name: str) -> SuiteResults:
    """Read a suite's results, which must be complete.

    Raises:
        StorageError: They are missing or damaged, or a run is still being written.
    """
    suite = StoredSuite.open(results, name)
    suite.require_no_collection()
    train_ids = {run.train_id for run in suite.record.runs}
    if train_ids != set(suite.frame["train_id"]):
        raise StorageError(
            f"{suite.folder} is still being written, or a run was killed: metrics.csv and "
            "suite.json name different runs; let the run finish, or run the suite again"
        )
    folders = [RunFolder(suite.folder, train_id) for train_id in sorted(train_ids)]
    for folder in folders:
        if folder.path.is_dir() and not folder.is_sealed:  # it has no manifest while being redone
            raise StorageError(
                f"{folder.path} is still being written, or a run was killed; "
                "let the run finish, or run the suite again"
            )
    provenance = _provenance(suite, folders)
    certified = {claim._replace(model=stable_name(claim.model)) for claim in suite.certified}
    return SuiteResults(
        suite.folder.name, suite.frame, suite.metrics, provenance, suite.per_datum, certified
    )


def _provenance(suite: StoredSuite, folders: Sequence[RunFolder]) -> Provenance:
    known = [suite.provenances[f.train_id] for f in folders if f.train_id in suite.provenances]
    machines = sorted({canonical_json({k: r.get(k) for k in _MACHINE}) for r in known})
    whole = known and len(known) == len(folders)
    return Provenance(
        command=suite.record.command,
        fingerprint=sha256_bytes("\n".join(machines).encode())[:12] if whole else "",
        devices=tuple(sorted({str(record.get("device")) for record in known})),
        versions={k: v for k, v in suite.record.versions.items() if v},
        finished=max((str(record.get("finished", "")) for record in known), default=""),
    )
