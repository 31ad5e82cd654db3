"""What the gate reads of a suite's results: its table, its machine, and its per-datum values."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, read_json, sha256_bytes
from genbench.core.protocol import Protocol
from genbench.gate.baseline import Provenance
from genbench.gate.entries import Entry
from genbench.gate.statistics import Matrix
from genbench.results.cells import SeedValue
from genbench.results.per_datum import value_key
from genbench.results.run_folder import PROVENANCE, RunFolder
from genbench.results.suite import StoredSuite

_MACHINE = ("device", "threads", "system", "machine", "versions")


@dataclass(frozen=True)
class SuiteResults:
    """A suite's results, whole: no run of it is being written."""

    suite: StoredSuite
    provenance: Provenance

    @property
    def name(self) -> str:
        """The name that it was read by, which is that of its folder."""
        return self.suite.folder.name

    def values(self, entry: Entry) -> Matrix | None:
        """Return the values (S, n) behind an entry, a row per seed; None unless all are stored.

        They must have the entry's means: values of another run are not taken for its own.
        """
        condition = Protocol.parse(entry.protocol).condition
        key = value_key(entry.split, entry.metric, condition, entry.version, entry.options)
        seeds = tuple(map(SeedValue, entry.seeds, entry.train_ids, entry.values))
        by_seed = self.suite.per_datum.by_seed(key, seeds, entry.n)
        return None if by_seed is None else np.stack([by_seed[seed] for seed in entry.seeds])


def read_results(results: Path, name: str) -> SuiteResults:
    """Read a suite's results.

    Raises:
        StorageError: There are none, they are damaged, or a run is still being written.
    """
    suite = StoredSuite.open(results, name)
    suite.require_no_collection()
    train_ids = {run.train_id for run in suite.record.runs}
    if train_ids != set(suite.frame["train_id"]):
        raise StorageError(
            f"{suite.folder} is still being written, or a run was killed: metrics.csv and "
            "suite.json name different runs; let `python -m genbench run` finish"
        )
    folders = [RunFolder(suite.folder, train_id) for train_id in sorted(train_ids)]
    _require_sealed(folders)
    return SuiteResults(suite, _provenance(suite, folders))


def _require_sealed(folders: Iterable[RunFolder]) -> None:
    """Refuse a run that is being done again: its folder has lost its manifest for the time."""
    for folder in folders:
        if folder.path.is_dir() and not folder.is_sealed:
            raise StorageError(
                f"{folder.path} is still being written, or a run was killed; "
                "let `python -m genbench run` finish"
            )


def _provenance(suite: StoredSuite, folders: Iterable[RunFolder]) -> Provenance:
    stored = [_of_run(folder) for folder in folders]
    known = [record for record in stored if record]
    machines = sorted({canonical_json({k: r.get(k) for k in _MACHINE}) for r in known})
    whole = known and len(known) == len(stored)
    return Provenance(
        command=suite.record.command,
        fingerprint=sha256_bytes("\n".join(machines).encode())[:12] if whole else "",
        devices=tuple(sorted({str(record.get("device")) for record in known})),
        versions={k: v for k, v in suite.record.versions.items() if v},
        finished=max((str(record.get("finished", "")) for record in known), default=""),
    )


def _of_run(folder: RunFolder) -> dict[str, Any]:
    path = folder.checked(PROVENANCE)
    content = {} if path is None else read_json(path)
    return content if isinstance(content, dict) else {}
