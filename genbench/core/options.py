"""Validated options: strict, frozen pydantic models, and errors that users can act on."""

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from genbench.core.errors import ConfigError, did_you_mean, quoted
from genbench.core.texts import one_line, printable

MOST = 10**9
"""The largest count: at a million a second it takes a quarter of an hour for each datum."""


def countable(n: int) -> int:
    """Refuse a count that no machine would finish."""
    if n > MOST:
        raise ValueError(
            f"at most {MOST}; about 10^{math.log10(n):.0f} for each datum would take over"
            f" 10^{math.log10(n) - 6:.0f} seconds, at a million a second"
        )
    return n


Count = Annotated[int, Field(ge=1), AfterValidator(countable)]
"""How often something is done for each datum: draws, chains, steps."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What the column ``seed`` of a table holds."""


def require_seed(seed: object) -> None:
    """Check a seed that is given in Python.

    Raises:
        ConfigError: It is none that a table can hold.
    """
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise ConfigError("seed: expected a whole number from 0 to 2^63 - 1")


Line = Annotated[str, AfterValidator(one_line)]
"""A text for people, on one line, without control characters."""
Text = Annotated[str, AfterValidator(printable)]
"""The same on as many lines as it has."""


class Options(BaseModel):
    """Base of everything that a suite file states: no unknown keys, no infinities, immutable.

    ``replaced`` are keys of older versions, each with what to write now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    replaced: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, stated: object) -> object:
        """Let no truth value and no text pass for a number: pydantic reads ``true`` as 1."""
        if not isinstance(stated, Mapping):
            return stated
        fields = cls.model_fields
        known: dict[str, Any] = {key: fields[key].annotation for key in stated if key in fields}
        counts = {key for key, annotation in known.items() if _is_numeric(annotation)}
        return {key: _numeric(v) if key in counts else v for key, v in stated.items()}

    @classmethod
    def read(cls, stated: object, where: str) -> Self:
        """Validate the values under the key ``where``.

        Raises:
            ConfigError: A key or value is wrong; each is named.
        """
        try:
            return cls.model_validate(stated)
        except ValidationError as error:
            raise ConfigError(explain(error, where, cls)) from error

    def canonical(self) -> dict[str, Any]:
        """Return the options as JSON types, defaults written out."""
        return self.model_dump(mode="json")


_NO_NUMBER = object()


@cache
def _is_numeric(annotation: Any) -> bool:
    """Whether a field holds numbers and nothing else.

    Example:
        >>> _is_numeric(tuple[int, ...] | None), _is_numeric(int | str), _is_numeric(bool)
        (True, False, False)
    """
    parts = [part for part in get_args(annotation) if part is not ...]
    if get_origin(annotation) is Annotated:
        return _is_numeric(parts[0])
    return all(map(_is_numeric, parts)) if parts else annotation in (int, float, type(None))


def _numeric(value: object) -> object:
    """Return a value as it is, or as something that is no number where it only resembles one."""
    if isinstance(value, list | tuple):
        return [_numeric(each) for each in value]
    return _NO_NUMBER if isinstance(value, bool | str) else value


def explain(error: ValidationError, where: str, options: type[BaseModel]) -> str:
    """Turn pydantic's errors into lines ``key: what is wrong``, eight at most."""
    lines = []
    for detail in error.errors()[:8]:
        path = [str(part) for part in detail["loc"]]
        key = ".".join([*where.split("."), *path]).strip(".")
        lines.append(f"{key}: {_message(detail, options)}")
    return "\n".join(lines)


def _message(detail: ErrorDetails, options: type[BaseModel]) -> str:
    """Return what is wrong, with the nearest valid name if a key or a name is unknown."""
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        *path, key = map(str, detail["loc"])
        return f"unknown key; {_instead_of(key, _table(options, path))}"
    if detail["type"] == "missing":
        return "must be stated"
    if detail["type"] in ("tuple_type", "list_type"):
        return "expected a list"
    name = context.get("tag", detail["input"])
    expected = re.findall("'(.*?)'", context.get("expected_tags", context.get("expected", "")))
    expected = [known for known in expected if known]  # an empty name says that there is none
    if isinstance(name, str) and expected:
        return f"unknown name {quoted(name)}; {did_you_mean(name, expected)}"
    return detail["msg"].removeprefix("Value error, ")


def _instead_of(key: str, options: type[BaseModel]) -> str:
    replaced = options.replaced if issubclass(options, Options) else {}
    return replaced.get(key) or did_you_mean(key, options.model_fields)


def _table(options: type[BaseModel], path: Sequence[str]) -> type[BaseModel]:
    """Return the options of the table at a path, as far as that can be followed."""
    for key in path:
        kind = options.model_fields[key].annotation if key in options.model_fields else None
        kinds = get_args(kind) or (kind,)
        inner = [k for k in kinds if inspect.isclass(k) and issubclass(k, BaseModel)]
        if len(inner) != 1:
            break
        options = inner[0]
    return options
