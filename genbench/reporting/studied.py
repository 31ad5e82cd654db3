"""The stored studies of a suite, read back with their digests checked.

May import the standard library, pandas, pydantic and this package's readers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, ValidationError

from genbench.core.errors import StorageError
from genbench.core.files import read_json
from genbench.core.plot import Plot
from genbench.reporting.stored import Arrays, RunFolder, StoredRecord, first_error, load_suite
from genbench.results.metrics_table import REDO, suite_folder


class CheckRecord(StoredRecord):
    """A number beside what it must be; what was not finite is None."""

    name: str
    expected: float | None
    found: float | None
    tolerance: float | None
    claim: Literal["=", "<=", ">="] = "="
    note: str = ""
    passed: bool


class StudyRecord(StoredRecord):
    """The whole of ``study.json``."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    study: str
    title: str
    version: int
    description: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    checks: tuple[CheckRecord, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class StoredStudy:
    """What a study found, as it is stored."""

    record: StudyRecord
    tables: dict[str, pd.DataFrame]
    arrays: Arrays

    @property
    def name(self) -> str:
        """What the suite calls it."""
        return self.record.name

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        return self.record.title

    @property
    def description(self) -> str:
        """What it computes, in a sentence."""
        return self.record.description

    @property
    def checks(self) -> tuple[CheckRecord, ...]:
        """Numbers beside what they must be."""
        return self.record.checks

    @property
    def plots(self) -> tuple[Plot, ...]:
        """Figures over its tables and arrays."""
        return self.record.plots

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.record.seconds


def load_studies(results_dir: Path, suite: str) -> list[StoredStudy]:
    """Read the studies of a suite that ended, in the order of its file.

    Raises:
        StorageError: A file is missing or is not the one that was stored.
    """
    folder = suite_folder(results_dir, suite) / "studies"
    known = load_suite(results_dir, suite).studies
    return [read_study(folder / entry.name) for entry in known if entry.status == "ok"]


def read_study(path: Path) -> StoredStudy:
    """Read the folder of one study, every digest checked.

    Raises:
        StorageError: A file is missing or is not the one that was stored.
    """
    folder = RunFolder(path)
    try:
        record = StudyRecord.model_validate(read_json(_whole(folder, "study.json")))
    except ValidationError as error:
        where = first_error(error).removeprefix(".")
        raise StorageError(f"{path / 'study.json'} is damaged: {where}") from error
    tables = {name: _table(_whole(folder, f"{name}.csv")) for name in record.tables}
    found = StoredStudy(record, tables, folder.arrays("arrays.safetensors"))
    _require_drawable(found, path)
    return found


def _whole(folder: RunFolder, name: str) -> Path:
    path = folder.checked(name)
    if path is None:
        raise StorageError(f"{folder.path / name} is missing or was never finished; {REDO}")
    return path


def _table(path: Path) -> pd.DataFrame:
    """Read a table to the last digit; an empty cell among numbers is NaN."""
    try:
        texts = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise StorageError(f"{path} is damaged, not a CSV table: {error}; {REDO}") from error
    return texts.apply(_typed)


def _typed(texts: pd.Series) -> pd.Series:
    """Read a column as whole numbers, numbers, truth values or texts, the first that fits all."""
    if set(texts) <= {"True", "False"}:
        return texts == "True"
    for kind in (int, float):
        try:
            numbers = [kind(text) if text or kind is int else math.nan for text in texts]
        except ValueError:
            continue
        return pd.Series(numbers, texts.index)
    return texts


def _require_drawable(study: StoredStudy, path: Path) -> None:
    for plot in study.plots:
        known: Sequence[str] = list(study.arrays if plot.kind == "images" else study.tables)
        if (plot.array if plot.kind == "images" else plot.table) not in known:
            raise StorageError(f"{path} is damaged: no data for the figure '{plot.name}'; {REDO}")


def failed_checks(studies: Sequence[StoredStudy]) -> list[tuple[StoredStudy, CheckRecord]]:
    """Return every check that does not hold, with its study."""
    return [(s, check) for s in studies for check in s.checks if not check.passed]
