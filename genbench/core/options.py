"""Options that are checked: strict, frozen pydantic models, and findings a user can act on."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from genbench.core.errors import did_you_mean

ADDED: Final = "added"
"""Marks an option that is younger than stored runs: at its default it leaves their identity be.

Written ``name: Annotated[type, ADDED] = default``.
"""


class Options(BaseModel):
    """Base of everything a suite file may say: no unknown keys, no infinities, no mutation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def canonical(self) -> dict[str, Any]:
        """Return every option in JSON's types, without :data:`ADDED` ones at their defaults."""
        young = {k: f.default for k, f in type(self).model_fields.items() if ADDED in f.metadata}
        untouched = {key for key, default in young.items() if getattr(self, key) == default}
        return self.model_dump(mode="json", exclude=untouched)


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
        return f"{detail['msg']}; {did_you_mean(str(detail['loc'][-1]), options.model_fields)}"
    name = context.get("tag", detail["input"])
    expected = re.findall("'(.+?)'", context.get("expected_tags", context.get("expected", "")))
    if isinstance(name, str) and expected:
        return f"unknown name '{name}'; {did_you_mean(name, expected)}"
    return detail["msg"]
