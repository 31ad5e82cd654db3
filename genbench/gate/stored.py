"""What a gate reads of a suite's results: its table, its machine, and its per-datum values.

May import numpy, pandas, :mod:`genbench.core` and the readers of :mod:`genbench.reporting`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, read_json, sha256_bytes
from genbench.gate.baseline import Provenance
from genbench.gate.entries import Entry
from genbench.gate.statistics import Matrix
from genbench.reporting import load_results
from genbench.reporting.cells import Cell, Column, SeedValue
from genbench.reporting.datumwise import PerDatum
from genbench.reporting.stored import RunFolder, SuiteRecord, load_suite
from genbench.results.metrics_table import require_one_suite, suite_folder

_MACHINE = ("device", "threads", "system", "machine", "versions")


class Values:
    """Per-datum values of a results folder; of an empty one where there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._found = None if folder is None else PerDatum(folder)

    def of(self, entry: Entry) -> Matrix | None:
        """Return the values (S, n) behind an entry, a row per seed; None unless all are stored.

        They must have the entry's means: values of another run are not taken for its own.
        """
        if self._found is None:
            return None
        seeds = tuple(map(SeedValue, entry.seeds, entry.train_ids, entry.values))
        column = Column(
            entry.metric, entry.options, entry.version, entry.unit, entry.better, entry.kind
        )
        n = len(seeds)
        found = self._found.of(
            column, Cell("ok", entry.mean, n=entry.n, n_seeds=n, n_ok=n, seeds=seeds)
        )
        return None if found is None else np.stack([found[seed] for seed in entry.seeds])


@dataclass(frozen=True)
class Stored:
    """A suite's results, whole: no run of it is being written."""

    suite: str
    frame: pd.DataFrame
    provenance: Provenance
    values: Values


def read_stored(results_dir: Path, suite: str) -> Stored:
    """Read a suite's results.

    Raises:
        StorageError: There are none, they are damaged, or a run is still being written.
    """
    frame, record = load_results(results_dir, suite), load_suite(results_dir, suite)
    require_one_suite(frame, suite)
    folder = suite_folder(results_dir, suite)
    ids = {run.train_id for run in record.runs}
    if ids != set(frame["train_id"]):
        raise StorageError(
            f"{folder} is still being written, or a run was killed: metrics.csv and suite.json "
            "name different runs; let `python -m genbench run` finish"
        )
    _require_sealed(folder, ids)
    return Stored(suite, frame, _provenance(folder, record, ids), Values(folder))


def _require_sealed(folder: Path, ids: Iterable[str]) -> None:
    """Refuse a run that is being done again: its folder has lost its manifest for the time."""
    for train_id in sorted(ids):
        run = folder / "runs" / train_id
        if run.is_dir() and not (run / "manifest.json").is_file():
            raise StorageError(
                f"{run} is still being written, or a run was killed; "
                "let `python -m genbench run` finish"
            )


def _provenance(folder: Path, record: SuiteRecord, ids: Iterable[str]) -> Provenance:
    found = [_told(RunFolder(folder / "runs" / train_id)) for train_id in sorted(ids)]
    known = [told for told in found if told]
    machines = sorted({canonical_json({k: told.get(k) for k in _MACHINE}) for told in known})
    whole = known and len(known) == len(found)
    return Provenance(
        command=record.command,
        fingerprint=sha256_bytes("\n".join(machines).encode())[:12] if whole else "",
        devices=tuple(sorted({str(told.get("device")) for told in known})),
        versions={k: v for k, v in record.versions.items() if v},
        finished=max((str(told.get("finished", "")) for told in known), default=""),
    )


def _told(run: RunFolder) -> dict[str, Any]:
    path = run.checked("provenance.json")
    content = {} if path is None else read_json(path)
    return content if isinstance(content, dict) else {}
