"""Options that are checked: strict, frozen pydantic models, and findings a user can act on."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from genbench.core.errors import did_you_mean

ADDED: Final = "added"
"""Marks an option that was added later: at its default it is no part of a run's identity.

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
    """Turn pydantic's findings into lines ``key: what is wrong``, eight at most."""
    lines = []
    for finding in error.errors()[:8]:
        path = [str(part) for part in finding["loc"]]
        key = ".".join([*where.split("."), *path]).strip(".")
        lines.append(f"{key}: {_message(finding, options)}")
    return "\n".join(lines)


def _message(finding: ErrorDetails, options: type[BaseModel]) -> str:
    """Return what is wrong, with the nearest valid name if a key or a name is unknown."""
    context = finding.get("ctx", {})
    if finding["type"] == "extra_forbidden":
        return f"{finding['msg']}; {did_you_mean(str(finding['loc'][-1]), options.model_fields)}"
    name = context.get("tag", finding["input"])
    expected = re.findall("'(.+?)'", context.get("expected_tags", context.get("expected", "")))
    if isinstance(name, str) and expected:
        return f"unknown name '{name}'; {did_you_mean(name, expected)}"
    return finding["msg"]
