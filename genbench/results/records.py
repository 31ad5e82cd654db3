"""What ``suite.json`` says of a suite: its specification, metrics, runs and studies."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from genbench.core.errors import StorageError
from genbench.core.figures import DEFAULT_FIGURES
from genbench.core.metric import Metric
from genbench.core.plot import Plot
from genbench.core.reading import MIB, is_part, read_json
from genbench.results.sealed_folder import REDO

SUITE = "suite.json"
SCHEMA = 2
LARGEST_RECORD = 64 * MIB
ELSEWHERE = "elsewhere"
"""What stands in the place of a recipe where genbench did not train the model."""


def _part(name: str) -> str:
    if not is_part(name):
        raise ValueError("it is no name of a folder")
    return name


PathPart = Annotated[str, AfterValidator(_part)]
"""A name that becomes part of a path."""


class StoredRecord(BaseModel):
    """Base of what is read from JSON: frozen; keys that are not known here are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class StoredRun(StoredRecord):
    """One run: what was asked, how it ended, how long it took.

    Attributes:
        steps: Of the optimiser, in the whole training; None where it has none or is not known.
        closed_form: Whether the model is fitted without an optimiser; None in older results.
        validation_fall: By how much the validation loss fell over the last tenth of training, in
            nats or as the objective has it; None where there is none, or it is not known.
        validation_fall_stderr: Its standard error over the validation data.
    """

    train_id: PathPart
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
    image_shape: tuple[int, int, int] | None = None
    selected_epoch: int | None = None
    steps: int | None = None
    closed_form: bool | None = None
    validation_fall: float | None = None
    validation_fall_stderr: float | None = None
    status: str = "ok"
    reason: str | None = None
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    device: str | None = None
    fitted: dict[str, Any] = Field(default_factory=dict)

    @property
    def trained_elsewhere(self) -> bool:
        """Whether its model was handed over, not trained here."""
        return self.recipe == ELSEWHERE


class PublishedRecord(StoredRecord):
    """A number of a paper or of other people's code, in the sign and unit of our metric."""

    model: str
    metric: str
    value: float
    stderr: float | None = None
    schedule: dict[str, PositiveFloat] = Field(default_factory=dict)
    source: str = ""
    note: str = ""
    tag: str | None = None


class TrialRecord(StoredRecord):
    """One training of the search for a model's settings, scored on validation data."""

    model: str
    trial: int = 0
    seed: int | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None
    metric: str = ""
    better: str = "none"
    value: float | None = None
    stderr: float | None = None
    chosen: bool = False


class StudySummary(StoredRecord):
    """One study of a suite: what it is called, and how it ended."""

    name: PathPart
    study: str = ""
    title: str = ""
    version: int = 1
    status: str = "ok"
    reason: str | None = None


class UntilDecided(StoredRecord):
    """That seeds were added one by one until the headline pairs were decided.

    Attributes:
        maximum: The most seeds that were allowed.
        seeds: How many there are.
        rule: When a pair is decided, in words.
    """

    maximum: int
    seeds: int
    rule: str = ""


class SuiteRecord(StoredRecord):
    """The whole of ``suite.json``."""

    schema_version: Literal[2] = Field(alias="schema")
    name: PathPart
    title: str = ""
    description: str = ""
    command: str = ""
    spec: dict[str, Any] = Field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    runs: tuple[StoredRun, ...] = ()
    studies: tuple[StudySummary, ...] = ()
    members: tuple[PathPart, ...] = ()
    until_decided: UntilDecided | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    commit: str = ""

    @field_validator("metrics", mode="before")
    @classmethod
    def _known_fields(cls, metrics: Any) -> Any:
        """Pass over fields that a newer version added, as everywhere in this file."""
        if not isinstance(metrics, list) or not all(isinstance(m, dict) for m in metrics):
            return metrics
        return [{k: v for k, v in m.items() if k in Metric.model_fields} for m in metrics]

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
        return _part_of(self.spec, "plot", _PLOTS)

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures of models that the suite asks for."""
        return tuple(self.spec.get("figures", DEFAULT_FIGURES))

    @property
    def published(self) -> tuple[PublishedRecord, ...]:
        """What the suite file quotes from elsewhere.

        Raises:
            StorageError: An entry lacks its model, metric or value.
        """
        return _part_of(self.spec, "published", _PUBLISHED)

    @property
    def trials(self) -> tuple[TrialRecord, ...]:
        """The search that chose the settings of its models, one record a training.

        Raises:
            StorageError: A record is not as the suite file's reader left it.
        """
        return _part_of(self.spec, "trials", _TRIALS)


_PUBLISHED = TypeAdapter(tuple[PublishedRecord, ...])
_PLOTS = TypeAdapter(tuple[Plot, ...])
_TRIALS = TypeAdapter(tuple[TrialRecord, ...])
_Parts = TypeVar("_Parts")


def _part_of(spec: dict[str, Any], key: str, kind: TypeAdapter[_Parts]) -> _Parts:
    try:
        return kind.validate_python(spec.get(key) or ())
    except ValidationError as error:
        raise StorageError(f"suite.json is damaged: spec.{key}{first_error(error)}") from error


def first_error(error: ValidationError) -> str:
    """Say where the first mistake lies, as ``.key: what is wrong``."""
    first = error.errors()[0]
    where = "".join(f".{part}" for part in first["loc"])
    return f"{where}: {first['msg']}; {REDO}"


def read_record(path: Path) -> SuiteRecord:
    """Read and check a ``suite.json``.

    Raises:
        StorageError: The file is missing, damaged, or was written by another version of genbench.
    """
    content = read_json(path, LARGEST_RECORD)
    if isinstance(content, dict) and content.get("schema") == 1:
        raise StorageError(
            f"{path} was written by an older genbench; running the suite again brings it up to"
            " date, without training"
        )
    try:
        return SuiteRecord.model_validate(content)
    except ValidationError as error:
        where = first_error(error).removeprefix(".")
        raise StorageError(f"{path} is damaged: {where}") from error
