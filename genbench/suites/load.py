"""Finds suite files, reads them as TOML, and applies ``--set``; listing them needs no torch."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from genbench.core.errors import ConfigError, did_you_mean
from genbench.suites.settings import apply_setting

if TYPE_CHECKING:
    from genbench.suites.spec import SuiteSpec


def suite_files() -> dict[str, Path]:
    """Return the suites that come with genbench, by name."""
    package = Path(str(files("genbench")))
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_suite(name_or_file: str, settings: list[str] | None = None) -> "SuiteSpec":
    """Read a suite by name or path and apply ``key=value`` settings.

    Raises:
        ConfigError: No such suite, no TOML, or a wrong key or value.
    """
    from genbench.suites.spec import parse_suite

    path = find_suite(name_or_file)
    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for setting in settings or []:
        apply_setting(raw, setting)
    try:
        return parse_suite(raw, path.stem)
    except ConfigError as error:
        raise ConfigError(f"suite '{name_or_file}': {error}") from error


def find_suite(name_or_file: str) -> Path:
    """Return the file of a suite, by name or path.

    Raises:
        ConfigError: No such suite; the nearest name is given.
    """
    known = suite_files()
    if name_or_file in known:
        return known[name_or_file]
    path = Path(name_or_file)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise ConfigError(
        f"unknown suite '{name_or_file}', and no such .toml file; "
        f"{did_you_mean(name_or_file, known)}"
    )
