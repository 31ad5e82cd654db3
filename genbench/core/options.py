"""Options that are checked: strict, frozen pydantic models, and findings a user can act on."""

from pydantic import BaseModel, ConfigDict, ValidationError

from genbench.core.errors import did_you_mean


class Options(BaseModel):
    """Base of everything a suite file may say: no unknown keys, no infinities, no mutation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
