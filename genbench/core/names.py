"""Arguments that take one name or path, or several, and names that people choose."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from genbench.core.errors import ConfigError, quoted

LONGEST = 100
"""Characters of a name: it is part of file names and heads columns."""
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""Beginnings of a formula in a spreadsheet, which takes wide letters for narrow ones."""
LONGEST_PART = 255
"""Bytes of a file's name."""


def names_in(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names; a single string is one name, not its letters.

    Example:
        >>> names_in("elbo"), names_in(["elbo", "kl"])
        (('elbo',), ('elbo', 'kl'))
    """
    return (names,) if isinstance(names, str) else tuple(names)


def paths_in(paths: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Return the paths; a single one is one path.

    Example:
        >>> [path.name for path in paths_in("my_models.py")]
        ['my_models.py']
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    return tuple(map(Path, several))


def require_path(path: Path, key: str) -> None:
    """Check that a path can exist at all.

    Raises:
        ConfigError: It holds a NUL character, or a name that is too long for any file system.
    """
    if "\0" in str(path):
        raise ConfigError(f"{key}: a path cannot hold a NUL character: {quoted(str(path))}")
    if any(len(os.fsencode(part)) > LONGEST_PART for part in path.parts):
        raise ConfigError(
            f"{key}: a file's name has at most {LONGEST_PART} bytes: {quoted(str(path))}"
        )


def require_name(name: str, key: str) -> str:
    """Return a name that can stand in tables, file names and messages.

    Raises:
        ConfigError: It is empty or too long, holds what cannot be printed or separates paths, has
            spaces around it, or begins like the formula of a spreadsheet.

    Example:
        >>> require_name("vae+normal", "model.0.name")
        'vae+normal'
    """
    if problem := _problem(name):
        raise ConfigError(f"{key}: {problem}: {quoted(name)}")
    return name


def require_key(name: object, kind: str) -> None:
    """Check the name under which something is registered: suite files use it as a key.

    Raises:
        ConfigError: It is no text, as where a decorator lacks its arguments, or has other letters.
    """
    if not isinstance(name, str):
        raise ConfigError(f"{kind}: expected its name in quotes, not a {type(name).__name__}")
    if not re.fullmatch(r"\w[\w.-]*", name) or len(name) > LONGEST:
        allowed = f"a name has letters, digits, '_', '-' and '.', at most {LONGEST}"
        raise ConfigError(f"{kind}: {quoted(name)}: {allowed}")


def _problem(name: str) -> str:
    if not name:
        return "a name cannot be empty"
    if len(name) > LONGEST or len(name.encode(errors="replace")) > 2 * LONGEST:
        return f"a name has at most {LONGEST} characters"
    if not name.isprintable():
        return "a name holds no control characters, line breaks or special spaces"
    if name != name.strip():
        return "a name neither begins nor ends with a space"
    if "/" in name or "\\" in name:
        return "a name holds no / and no \\"
    if name[0] in FORMULA:
        return "a name cannot begin with =, +, - or @: a spreadsheet takes it for a formula"
    if name.startswith("::") or "##[" in name:
        return "a name neither begins with :: nor holds ##[: GitHub takes it for a command"
    return ""
