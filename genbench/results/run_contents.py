"""The JSON files of a run: what each must hold, so that no reader meets another type."""

from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from genbench.core.errors import StorageError
from genbench.results.records import ELSEWHERE, first_error

_LENIENT = ConfigDict(strict=True, extra="allow")
"""Types are exact; keys that are not known here stay."""


@with_config(_LENIENT)
class Description(TypedDict):
    """What tables state about a model beside its numbers."""

    conditional: bool
    comparable_measure: str
    about: NotRequired[str]
    observation: NotRequired[str]
    measure: NotRequired[str]
    closed_form: NotRequired[bool]
    shown: NotRequired[str | None]
    n_parameters: NotRequired[int | None]
    image_shape: NotRequired[Annotated[list[int], Field(min_length=3, max_length=3)]]
    n_classes: NotRequired[int | None]
    n_train: NotRequired[int]


@with_config(_LENIENT)
class Specification(TypedDict):
    """``spec.json``: the identity of a run, and the description of its model."""

    recipe: str
    seed: int
    data: dict[str, Any]
    description: Description
    schema: int
    recipe_version: NotRequired[int]
    options: NotRequired[dict[str, Any]]
    train: NotRequired[dict[str, Any]]
    assume: NotRequired[dict[str, Any] | None]
    name: NotRequired[str]
    model: NotRequired[str]
    protocol: NotRequired[str]


def _with_origin(spec: Specification) -> Specification:
    lacking = sorted({"model", "name", "protocol"} - spec.keys())
    if spec["recipe"] == ELSEWHERE and lacking:
        raise ValueError(f"a model trained elsewhere has no {lacking[0]}")
    return spec


@with_config(_LENIENT)
class SealedRow(TypedDict):
    """One number, or the reason why there is none; rows of older versions lack some keys."""

    metric: str
    status: Literal["ok", "not_applicable", "failed"]
    unit: NotRequired[str]
    better: NotRequired[str]
    kind: NotRequired[str]
    evaluator_version: NotRequired[int]
    options: NotRequired[dict[str, Any]]
    value: NotRequired[float | None]
    stderr: NotRequired[float | None]
    n: NotRequired[int | None]
    reason: NotRequired[str]
    mc_stderr: NotRequired[float | None]
    health: NotRequired[dict[str, float | None]]
    marginal: NotRequired[bool]


def _with_value(row: SealedRow) -> SealedRow:
    if row["status"] == "ok" and row.get("value") is None:
        raise ValueError("a row with status ok has no value")
    return row


def _with_scale(fitted: dict[str, Any]) -> dict[str, Any]:
    if fitted and type(fitted.get("scale")) not in (int, float):
        raise ValueError("its scale is no number")
    return fitted


@with_config(_LENIENT)
class RunMetrics(TypedDict):
    """``metrics.json``: how a run ended, and its rows by evaluation."""

    status: Literal["ok", "diverged", "failed"]
    reason: str
    evaluations: dict[str, list[Annotated[SealedRow, AfterValidator(_with_value)]]]
    selected_epoch: NotRequired[int | None]
    fitted: NotRequired[Annotated[dict[str, Any], AfterValidator(_with_scale)]]
    figures: NotRequired[list[str]]


@with_config(_LENIENT)
class RunProvenance(TypedDict):
    """``provenance.json``: where, when and with what a run was done."""

    finished: NotRequired[str]
    device: NotRequired[str]
    precision: NotRequired[str]
    versions: NotRequired[dict[str, str | None]]
    train_seconds: NotRequired[float | None]
    evaluate_seconds: NotRequired[float | None]


_KINDS: dict[str, TypeAdapter[Any]] = {
    "spec.json": TypeAdapter(Annotated[Specification, AfterValidator(_with_origin)]),
    "metrics.json": TypeAdapter(RunMetrics),
    "provenance.json": TypeAdapter(RunProvenance),
}


def typed(path: Path, content: Any) -> Any:
    """Return the content of a run's JSON file, every known key of its type.

    Raises:
        StorageError: A key is missing or of another type.
    """
    if path.name not in _KINDS:
        return content
    try:
        return _KINDS[path.name].validate_python(content)
    except ValidationError as error:
        where = first_error(error).removeprefix(".")
        raise StorageError(f"{path} is damaged: {where}") from error
