"""Finds suite files and reads TOML; needs no torch."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, require_known


def suite_files() -> dict[str, Path]:
    """Return the suites that come with genbench, by name."""
    package = Path(str(files("genbench")))
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_suite(name_or_file: str) -> Path:
    """Return the file of a suite, by name or path.

    Raises:
        ConfigError: The suite is unknown; names the nearest.
    """
    path = Path(name_or_file)
    if path.suffix == ".toml" and path.is_file():
        return path
    known = suite_files()
    require_known(name_or_file, known, "neither a .toml file nor a known suite:")
    return known[name_or_file]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as UTF-8, whatever the locale; skip a byte-order mark.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
