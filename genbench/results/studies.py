"""The stored studies of a suite, read back with their digests checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, ValidationError

from genbench.core.claims import Claim
from genbench.core.errors import StorageError
from genbench.core.plot import Plot
from genbench.core.reading import read_json
from genbench.results.records import StoredRecord, first_error
from genbench.results.sealed_folder import REDO, Arrays, SealedFolder

STUDIES = "studies"
STUDY = "study.json"
ARRAYS = "arrays.safetensors"


class CheckRecord(StoredRecord):
    """A number beside what it must be; what was not finite is None."""

    name: str
    expected: float | None
    found: float | None
    tolerance: float | None
    claim: Claim = "="
    note: str = ""
    passed: bool


class StudyContent(StoredRecord):
    """The whole of ``study.json``."""

    schema_version: Literal[1, 2] = Field(alias="schema")
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
    """What a study found: the content of ``study.json``, its tables and its arrays."""

    record: StudyContent
    tables: dict[str, pd.DataFrame]
    arrays: Arrays

    @property
    def failed_checks(self) -> list[CheckRecord]:
        """The checks that do not hold."""
        return [check for check in self.record.checks if not check.passed]


def read_study(path: Path) -> StoredStudy:
    """Read the folder of one study, every digest checked.

    Raises:
        StorageError: A file is missing or is not the one that was stored.
    """
    folder = SealedFolder(path)
    try:
        record = StudyContent.model_validate(read_json(_whole(folder, STUDY)))
    except ValidationError as error:
        where = first_error(error).removeprefix(".")
        raise StorageError(f"{path / STUDY} is damaged: {where}") from error
    tables = {name: _table(_whole(folder, f"{name}.csv")) for name in record.tables}
    study = StoredStudy(record, tables, folder.arrays(ARRAYS))
    _require_drawable(study, path)
    return study


def _whole(folder: SealedFolder, name: str) -> Path:
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
    for plot in study.record.plots:
        known: Sequence[str] = list(study.arrays if plot.kind == "images" else study.tables)
        if (plot.array if plot.kind == "images" else plot.table) not in known:
            raise StorageError(f"{path} is damaged: no data for the figure '{plot.name}'; {REDO}")
