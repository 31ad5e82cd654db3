"""The sealed folder of a study, ``results/<suite>/studies/<name>/``, and how to fill it."""

import math
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from genbench.core.errors import ConfigError, StorageError, require_known
from genbench.core.files import paths_in, remove, write_atomic
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.results.sealed_folder import MANIFEST, SealedFolder
from genbench.results.studies import read_study
from genbench.studies.study import Findings, Setting, Study, StudyCheck, studies
from genbench.training.precision import products_in

SCHEMA = 2
SEED = 0
RECORD, ARRAYS = "study.json", "arrays.safetensors"


@dataclass(frozen=True)
class StudySpec:
    """One study of a suite. ``name`` is its folder; everything else is its identity."""

    name: str
    study: str
    options: Options

    @property
    def registered(self) -> Study:
        """The registered study."""
        return studies[self.study]

    @property
    def stream(self) -> Stream:
        """The source of its randomness, independent of its name in the suite."""
        return Stream(SEED, ("study", self.study))

    def identity(self) -> dict[str, Any]:
        """Return the complete request in canonical form: defaults are written out."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "study": self.study,
            "version": self.registered.version,
            "options": self.options.model_dump(mode="json"),
            "seed": SEED,
        }


class StudyFolder(SealedFolder):
    """``study.json``, a CSV file per table, ``arrays.safetensors``, and their manifest."""

    def __init__(self, results_dir: Path, suite: str, name: str) -> None:
        super().__init__(results_dir / suite / "studies" / name)

    def stored(self, spec: StudySpec) -> dict[str, Any] | None:
        """Return the record of a study if it is stored, intact and as requested, else None."""
        listed = self.listed()
        if RECORD not in listed or not self.intact(*listed):
            return None
        try:
            read_study(self.path)
        except StorageError:
            return None
        record: dict[str, Any] = self.read(RECORD)
        same = all(record.get(key) == value for key, value in spec.identity().items())
        return record if same else None

    def fill(self, spec: StudySpec, findings: Findings, seconds: float) -> dict[str, Any]:
        """Store the results of a study in place of the old ones; return its record."""
        self.break_seal()
        record = record_of(spec, findings, seconds)
        tables = {f"{name}.csv": table for name, table in findings.tables.items()}
        self._keep({RECORD, *tables, *([ARRAYS] if findings.arrays else [])})
        for name, table in tables.items():
            write_atomic(self / name, table.to_csv(index=False, lineterminator="\n"))
        if findings.arrays:
            arrays = {k: np.ascontiguousarray(v) for k, v in findings.arrays.items()}
            write_atomic(self / ARRAYS, save(arrays))
        self.write(RECORD, record)
        self.seal()
        return record

    def _keep(self, names: Collection[str]) -> None:
        for path in paths_in(self.path):
            hidden = path.name.startswith(".")
            if not hidden and path.is_file() and path.name not in (*names, MANIFEST):
                remove(path)


def perform(spec: StudySpec, setting: Setting, folder: StudyFolder) -> dict[str, Any]:
    """Run a study, check and store its results, and return its record.

    Raises:
        ConfigError: A figure needs something that the study does not return.
    """
    started = time.perf_counter()
    with products_in("float32"):
        findings = spec.registered.function(spec.options, setting)
    require_complete(findings)
    return folder.fill(spec, findings, time.perf_counter() - started)


def record_of(spec: StudySpec, findings: Findings, seconds: float) -> dict[str, Any]:
    """Return the content of ``study.json``; numbers that are not finite are null."""
    return spec.identity() | {
        "title": spec.registered.title,
        "description": spec.registered.description,
        "checks": [_check(check) for check in findings.checks],
        "plots": [plot.model_dump(mode="json") for plot in findings.plots],
        "tables": list(findings.tables),
        "seconds": round(seconds, 3),
    }


def _check(check: StudyCheck) -> dict[str, Any]:
    return {
        "name": check.name,
        "expected": _finite(check.expected),
        "found": _finite(check.found),
        "tolerance": _finite(check.tolerance),
        "claim": check.claim,
        "note": check.note,
        "passed": bool(check.passed),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def require_complete(findings: Findings) -> None:
    """Check the names, and that every figure has its table, columns or array.

    Raises:
        ConfigError: Names the first mistake.
    """
    for name in findings.tables:
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ConfigError(f"table '{name}': use only lower-case letters, digits and _")
    names = [plot.name for plot in findings.plots]
    for plot in findings.plots:
        if names.count(plot.name) > 1:
            raise ConfigError(f"two plots are named '{plot.name}'")
        _require_source(plot, findings)


def _require_source(plot: Plot, findings: Findings) -> None:
    images = plot.kind == "images"
    key, name = ("array", plot.array) if images else ("table", plot.table)
    known = list(findings.arrays if images else findings.tables)
    require_known(name, known, f"plot.{plot.name}.{key}: no {key}")
    if not images:
        plot.require(findings.tables[name].columns)
        return
    shape = findings.arrays[name].shape
    if len(shape) != 4 and (len(shape), shape[-1]) != (5, 3):
        hint = "expected (rows, columns, H, W) or (rows, columns, H, W, 3)"
        raise ConfigError(f"plot.{plot.name}.array: '{name}' has shape {shape}; {hint}")
