"""What a suite stores beside its table: ``suite.json`` and the files of each run, digests checked.

May import the standard library, numpy, pandas, pydantic, safetensors and :mod:`genbench.core`.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from genbench.core.errors import StorageError
from genbench.core.figures import DEFAULT_FIGURES
from genbench.core.files import read_json, sha256_file
from genbench.core.plot import Plot
from genbench.results.metrics_table import REDO, suite_folder

Arrays = dict[str, NDArray[Any]]


class StoredRecord(BaseModel):
    """Base of what is read from JSON: frozen; keys that are not known here are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MetricRecord(StoredRecord):
    """What an evaluator says of its number."""

    name: str
    version: int
    unit: str = ""
    better: str = "none"
    kind: str = "estimate"
    title: str = ""
    formula: str = ""
    description: str = ""
    cites: tuple[str, ...] = ()


class RunRecord(StoredRecord):
    """One run: what was asked, how it ended, how long it took."""

    train_id: str
    model: str
    recipe: str = ""
    seed: int = 0
    dataset: str = ""
    protocol: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    observation: str | None = None
    measure: str | None = None
    about: str | None = None
    n_parameters: int | None = None
    status: str = "ok"
    reason: str | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    device: str | None = None
    fitted: dict[str, Any] = Field(default_factory=dict)


class PublishedRecord(StoredRecord):
    """A number of a paper or of other people's code, in the sign and unit of our metric."""

    model: str
    metric: str
    value: float
    stderr: float | None = None
    source: str = ""
    note: str = ""
    tag: str | None = None


class StudyEntry(StoredRecord):
    """One study of a suite: what it is called, and how it ended."""

    name: str
    study: str = ""
    title: str = ""
    version: int = 1
    status: str = "ok"
    reason: str | None = None


class SuiteRecord(StoredRecord):
    """The whole of ``suite.json``."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    title: str = ""
    description: str = ""
    command: str = ""
    spec: dict[str, Any] = Field(default_factory=dict)
    metrics: tuple[MetricRecord, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    studies: tuple[StudyEntry, ...] = ()
    members: tuple[str, ...] = ()
    versions: dict[str, str | None] = Field(default_factory=dict)

    @property
    def page(self) -> str:
        """Who lays out the report."""
        return str(self.spec.get("page", "report"))

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The figures that the suite file declares.

        Raises:
            StorageError: One is not as the suite file's reader left it.
        """
        try:
            return _PLOTS.validate_python(self.spec.get("plot") or ())
        except ValidationError as error:
            raise StorageError(f"suite.json is damaged: spec.plot{first_error(error)}") from error

    @property
    def figures(self) -> tuple[str, ...]:
        """The pictures of models that the suite asks for."""
        return tuple(self.spec.get("figures", DEFAULT_FIGURES))

    @property
    def published(self) -> tuple[PublishedRecord, ...]:
        """What the suite file quotes from elsewhere.

        Raises:
            StorageError: An entry lacks its model, metric or value.
        """
        try:
            return _PUBLISHED.validate_python(self.spec.get("published") or ())
        except ValidationError as error:
            raise StorageError(
                f"suite.json is damaged: spec.published{first_error(error)}"
            ) from error


_PUBLISHED = TypeAdapter(tuple[PublishedRecord, ...])
_PLOTS = TypeAdapter(tuple[Plot, ...])


def first_error(error: ValidationError) -> str:
    """Say where the first mistake lies, as ``.key: what is wrong``."""
    first = error.errors()[0]
    where = "".join(f".{part}" for part in first["loc"])
    return f"{where}: {first['msg']}; {REDO}"


def load_suite(results_dir: Path, suite: str) -> SuiteRecord:
    """Read and check ``suite.json``.

    Raises:
        StorageError: The file is missing, damaged, or of another schema version.
    """
    path = suite_folder(results_dir, suite) / "suite.json"
    try:
        return SuiteRecord.model_validate(read_json(path))
    except ValidationError as error:
        where = first_error(error).removeprefix(".")
        raise StorageError(f"{path} is damaged: {where}") from error


class RunFolder:
    """The stored files of one run; each is compared with the manifest before it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        manifest = path / "manifest.json"
        content = read_json(manifest) if manifest.is_file() else {"files": {}}
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(files, dict):
            raise StorageError(f"{manifest} is damaged: it names no files; {REDO}")
        self._digests: dict[str, str] = files

    def checked(self, relative: str) -> Path | None:
        """Return the file's path, or None where the run never wrote it.

        Raises:
            StorageError: The file is not the one that the run wrote.
        """
        if relative not in self._digests:
            return None
        path = self.path / relative
        try:
            digest = sha256_file(path)
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}; {REDO}") from error
        if digest != self._digests[relative]:
            raise StorageError(f"{path} is damaged, its SHA-256 is not the stored one; {REDO}")
        return path

    def history(self) -> pd.DataFrame | None:
        """Means per epoch, or None for a model that is not trained in epochs."""
        path = self.checked("history.csv")
        if path is None or path.stat().st_size == 0:
            return None
        try:
            frame = pd.read_csv(path)
        except ValueError as error:
            raise StorageError(f"{path} is damaged, not a CSV table: {error}; {REDO}") from error
        return frame if "epoch" in frame and len(frame) else None

    def arrays(self, relative: str = "artifacts/figures.safetensors") -> Arrays:
        """Sample grids and latent codes by name; empty where the run stored none."""
        return self._load(relative)

    def per_datum(self) -> Arrays:
        """Values behind each mean by ``split/evaluator/version/options``; empty where none are."""
        return self._load("artifacts/per_datum.safetensors")

    def _load(self, relative: str) -> Arrays:
        path = self.checked(relative)
        try:
            return {} if path is None else _visible(load_file(path))
        except SafetensorError as error:
            raise StorageError(f"{path} is damaged: {error}; {REDO}") from error


def _visible(arrays: Arrays) -> Arrays:
    return {name: np.asarray(array) for name, array in arrays.items() if array.size}
