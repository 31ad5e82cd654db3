"""Finds suite files and reads TOML; needs no torch."""

import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, nearest, quoted
from genbench.core.names import LONGEST

SUFFIX = ".toml"
LARGEST = 2**18
"""Bytes of a suite file; the longest one that is shipped has 20,000."""
LONGEST_LIST = 10_000
"""Values of a list in a suite file."""
_DOTS = 1_000
"""On one line of a suite file: the time and memory to read a dotted key grow with their square."""
DEEPEST = 20
"""Levels of tables and lists in a suite file."""
_INTEGERS = range(-(2**63), 2**63)
"""Those of TOML; Python would read any."""
_TOO_LARGE = "an integer lies between -2^63 and 2^63 - 1"
_TOO_DEEP = f"more than {DEEPEST} levels of tables and lists"


def suite_files() -> dict[str, Path]:
    """Return the suites that come with genbench, by name."""
    package = Path(str(files("genbench")))
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    return files_in(folder)


def files_in(folder: Path) -> dict[str, Path]:
    """Return the TOML files of a folder, by name without suffix."""
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def find_suite(name_or_file: str, collection: Path | None = None) -> Path:
    """Return the file of a suite, by name or path.

    Args:
        name_or_file: What a person wrote.
        collection: The file that lists it. Paths are relative to it, and the files beside it are
            known by name.

    Raises:
        ConfigError: The suite is unknown; names the nearest name or file.
    """
    folder = collection.parent if collection else Path()
    known = suite_files() | (files_in(folder) if collection else {})
    path = folder / name_or_file
    if path.suffix == SUFFIX and _leads_to(path, Path.is_file):
        return path
    if name_or_file not in known:
        raise ConfigError(_unknown(name_or_file, path, known))
    return known[name_or_file]


def _leads_to(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except (OSError, ValueError):  # too long a name, a loop of links
        return False


def _unknown(written: str, path: Path, known: Mapping[str, Path]) -> str:
    """Say why there is no such suite, with the nearest name or file."""
    if _leads_to(path, Path.is_file):
        return f"{quoted(written)}: the name of a suite file ends in {SUFFIX}"
    if _leads_to(path, Path.exists) and not _leads_to(path, Path.is_dir):
        return f"{quoted(written)}: a pipe or a device, not a suite file"
    if _leads_to(path, Path.is_dir):
        inside = ", ".join(str(file) for file in files_in(path).values())
        return (
            f"{quoted(written)}: a folder, not a suite file; suite files in it: {inside or 'none'}"
        )
    beside = files_in(path.parent) if _leads_to(path.parent, Path.is_dir) else {}
    beside = {name: file for name, file in beside.items() if file != path}  # a link to nothing
    shown = {name: str(file) for name, file in beside.items()} | {name: name for name in known}
    meant = nearest(path.stem, shown)
    hint = f"did you mean '{shown[meant]}'? " if meant else ""
    what = "no file" if path.suffix == SUFFIX else "no suite"
    return f"{what} {quoted(written)}; {hint}known: {', '.join(sorted(known))}"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as UTF-8, whatever the locale; skip a byte-order mark.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path}: larger than {LARGEST // 2**10} KiB, so it is no suite file")
    try:
        return parse_toml(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML from a stranger.

    Raises:
        ConfigError: It is not TOML, is nested too deeply, or has an integer beyond 64 bits.
    """
    if max(line.count(".") for line in text.split("\n")) > _DOTS:
        raise ConfigError(f"{_TOO_DEEP}, or a line with more than {_DOTS} dots")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(error)) from error
    except RecursionError as error:
        raise ConfigError(_TOO_DEEP) from error
    except ValueError as error:  # thousands of digits
        raise ConfigError(_TOO_LARGE) from error
    _require_plain(content, ())
    return content


def _require_plain(value: object, keys: tuple[str, ...]) -> None:
    """Check that every key below ``keys`` is a short text, and every integer one of TOML."""
    if len(keys) > DEEPEST:
        raise ConfigError(_TOO_DEEP)
    if isinstance(value, int) and value not in _INTEGERS:
        raise ConfigError(f"{'.'.join(keys)}: {_TOO_LARGE}")
    items = value if isinstance(value, dict) else {}
    for key in items:
        if len(key) > LONGEST or not key.isprintable():
            raise ConfigError(f"{quoted(key)} is no key of a suite file")
    if isinstance(value, list):
        if len(value) > LONGEST_LIST:
            raise ConfigError(f"{'.'.join(keys)}: a list of {len(value)}, at most {LONGEST_LIST}")
        items = {str(i): item for i, item in enumerate(value)}
    for key, item in items.items():
        _require_plain(item, (*keys, key))
