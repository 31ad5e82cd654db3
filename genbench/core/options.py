"""Options that are checked: strict, frozen pydantic models, and findings a user can act on."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

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
    """Turn pydantic's findings into lines ``key: what is wrong``, eight at most."""
    lines = []
    for finding in error.errors()[:8]:
        path = [str(part) for part in finding["loc"]]
        hint = ""
        if finding["type"] == "extra_forbidden":
            hint = f"; {did_you_mean(path[-1], options.model_fields)}"
        lines.append(f"{'.'.join([*where.split('.'), *path]).strip('.')}: {finding['msg']}{hint}")
    return "\n".join(lines)
