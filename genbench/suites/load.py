"""Finds suite files, reads them and applies ``--set``; listing them needs no torch."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.core.errors import ConfigError, did_you_mean
from genbench.suites.settings import apply_setting

if TYPE_CHECKING:
    from genbench.runs.run_options import RunOptions
    from genbench.suites.spec import SuiteSpec


def suite_files() -> dict[str, Path]:
    """Return the suites that come with genbench, by name."""
    package = Path(str(files("genbench")))
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def suite_of(options: "RunOptions") -> "SuiteSpec":
    """Read the suite of the options, changed by their settings, seeds and limit."""
    settings = list(options.settings)
    if options.seeds is not None:
        settings.append(f"seeds={options.seeds}")
    if options.limit is not None:
        settings.append(f"data.limit={options.limit}")
    return load_suite(options.suite, settings)


def load_suite(name_or_file: str, settings: Sequence[str] = ()) -> "SuiteSpec":
    """Read a suite by name or path and apply ``key=value`` settings.

    Raises:
        ConfigError: No such suite, no TOML, or a wrong key or value.
    """
    from genbench.suites.spec import parse_suite

    path = find_suite(name_or_file)
    raw = read_toml(path)
    for setting in settings:
        apply_setting(raw, setting)
    try:
        return parse_suite(raw, path.stem)
    except ConfigError as error:
        raise ConfigError(f"suite '{name_or_file}': {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, in UTF-8 whatever the locale; a byte-order mark is skipped.

    Raises:
        ConfigError: The file cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


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
