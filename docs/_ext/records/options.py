"""Pydantic models as tables of keys: name, type, default, meaning."""

import inspect
import re
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as limits
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from genbench.core.options import Options
from genbench.evaluation.spec import EvaluatorOptions
from records.markdown import code, table

WORDS: dict[Any, str] = {int: "integer", float: "number", str: "text", bool: "`true` or `false`"}
SIGNS = {
    limits.Gt: (">", "gt"),
    limits.Ge: ("≥", "ge"),
    limits.Lt: ("<", "lt"),
    limits.Le: ("≤", "le"),
}
BASES = (Options, EvaluatorOptions)
HEADS = ("key", "type", "default", "meaning")


def options_table(options: type[BaseModel]) -> str:
    """Return the table of a model's fields; empty if it has none."""
    known = described(options)
    rows = [_row(name, f, known.get(name, "")) for name, f in options.model_fields.items()]
    return table(HEADS, rows) if rows else ""


def _row(name: str, field: FieldInfo, meaning: str) -> tuple[str, ...]:
    filled_in = field.is_required() and "by default" in meaning  # by the reader of suite files
    stated = "" if filled_in else default(field)
    return code(name), type_text(field.annotation, field.metadata), stated, meaning


def about(options: type) -> str:
    """Return the docstrings of a class and of its bases, without their tables of attributes."""
    classes = [cls for cls in reversed(options.__mro__) if cls.__module__.startswith("genbench.")]
    texts = [
        inspect.cleandoc(vars(cls).get("__doc__") or "") for cls in classes if cls not in BASES
    ]
    bodies = (text.partition("Attributes:\n")[0].replace("``", "`").strip() for text in texts)
    return "\n\n".join(body for body in bodies if body)


def described(options: type) -> dict[str, str]:
    """Return what the ``Attributes:`` of a class and of its bases say of each field."""
    meanings: dict[str, str] = {}
    for cls in reversed(options.__mro__):
        text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
        for name, meaning in re.findall(r"^    (\w+): ((?:.+\n?)(?:^     +.+\n?)*)", text, re.M):
            meanings[name] = " ".join(meaning.split()).replace("``", "`")
    return meanings


def type_text(annotation: Any, metadata: Any = ()) -> str:
    """Say in words which values a type takes."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(parts[0], [*parts[1:], *metadata])
    if origin is Literal:
        return " or ".join(code(f'"{part}"') for part in parts)
    if origin in (Union, UnionType):
        several = [type_text(part, metadata) for part in parts if part is not NoneType]
        return " or ".join(dict.fromkeys(several))
    if origin in (tuple, list):
        return f"list of: {type_text(parts[0])}"
    if origin is dict or annotation is Any:
        return "table"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        only = kind is not None and len(get_args(kind.annotation)) == 1
        return code(f'"{kind.default}"') if kind and only else "table"
    return f"{WORDS.get(annotation, 'text')}{_limits(metadata)}"


def _limits(metadata: Any) -> str:
    flat = [item for part in metadata for item in _flat(part)]
    stated = [(SIGNS[type(i)], i) for i in flat if type(i) in SIGNS]
    words = [f" {sign} {getattr(item, name)}" for (sign, name), item in stated]
    return " and".join(words)


def _flat(part: Any) -> list[Any]:
    return list(part.metadata) if isinstance(part, FieldInfo) else [part]


def default(field: FieldInfo) -> str:
    """Return a field's default as a suite file would state it."""
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, ""):
        return ""
    return code(_as_toml(value))


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, BaseModel):
        return f'"{getattr(value, "kind", "")}"' if hasattr(value, "kind") else "{}"
    if isinstance(value, str | Enum):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value)
