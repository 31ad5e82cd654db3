"""Makes recipes, data sets and metrics of others known: files of users, installed packages.

A package names its modules in entry points. A file is imported under a name made of its own and its
content, so that what it defines can be unpickled wherever it is loaded.
"""

import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from genbench.core.errors import ConfigError, GenbenchError, did_you_mean, first_line
from genbench.core.files import sha256_bytes
from genbench.core.progress import warn
from genbench.core.registry import Journal, Registry, forget, registering

GROUPS = {
    "genbench.recipes": ("genbench.recipes", "recipes"),
    "genbench.datasets": ("genbench.data.own.registry", "own_datasets"),
    "genbench.evaluators": ("genbench.evaluation.runner", "evaluators"),
}
"""For each group of entry points: the module whose import fills a registry, and its name there."""
GUARD = 'put it below `if __name__ == "__main__":`'


class _Loaded(NamedTuple):
    digest: str
    registered: Journal


_files: dict[Path, _Loaded] = {}
_importing: list[str] = []


def load_plugins(files: Sequence[Path] = ()) -> None:
    """Import what installed packages register, and then each file that is new or has changed.

    A package that cannot be imported is left out with a warning.

    Raises:
        ConfigError: A file is missing, is not Python, fails, or registers a name that is taken.
    """
    if _importing:
        raise ConfigError(f"this call would run at each import of {_importing[-1]}; {GUARD}")
    _load_installed()
    for file in files:
        _load_file(file)


def loaded_files() -> dict[Path, str]:
    """Return the resolved path and the SHA-256 of each file that is loaded."""
    return {path: loaded.digest for path, loaded in _files.items()}


def names_from(file: Path) -> list[tuple[Registry[Any], str]]:
    """Return what a loaded file registered, in order."""
    return list(_files[file.resolve()].registered)


@cache
def _load_installed() -> None:
    """Load all of a package or nothing; a name that is taken stays with its owner."""
    entries = [entry for group in GROUPS for entry in entry_points(group=group)]
    for package, of_package in groupby(sorted(entries, key=package_of), key=package_of):
        registries = _registries()
        try:
            with _import(package), registering():
                for entry in of_package:
                    if entry.name not in registries[entry.group]:
                        entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  it is not ours
            problem = f"{type(error).__name__}: {first_line(error)}"
            warn(f"the installed package '{package}' cannot be used: {problem}")


def package_of(entry: EntryPoint) -> str:
    """Return the name of the package that declares an entry point."""
    return entry.dist.name if entry.dist else "unknown"


def _registries() -> dict[str, Registry[Any]]:
    """Return the registries by group, with all that comes with genbench."""
    return {g: getattr(import_module(module), name) for g, (module, name) in GROUPS.items()}


def _load_file(file: Path) -> None:
    source, path = _source(file), file.resolve()
    digest = sha256_bytes(source)
    if path in _files and _files[path].digest == digest:
        return
    _registries()
    if path in _files:
        forget(_files.pop(path).registered)
    if str(path.parent) not in sys.path:  # modules beside it; at the end, so as to hide none
        sys.path.append(str(path.parent))
    with _explained(file), _import(file.name), registering() as registered:
        _execute(path, source, digest)
    _files[path] = _Loaded(digest, registered)
    if not registered:
        warn(f"{file} registers no recipe, data set or metric")


def _source(file: Path) -> bytes:
    """Return the content of a Python file."""
    if file.is_dir() or file.suffix != ".py":
        raise ConfigError(f"plugin: {file} is not a Python file (.py)")
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        beside = [path.name for path in file.parent.glob("*.py")]
        known = f"; {did_you_mean(file.name, beside)}" if beside else ""
        raise ConfigError(f"plugin: no file {file}{known}") from error
    except OSError as error:
        raise ConfigError(f"plugin: {file}: {error.strerror}") from error


def _execute(path: Path, source: bytes, digest: str) -> None:
    """Execute exactly these bytes as a module."""
    name = f"genbench_plugin_{re.sub(r'[^a-zA-Z0-9]', '_', path.stem)}_{digest[:8]}"
    loader = SourceFileLoader(name, str(path))
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        exec(loader.source_to_code(source, str(path)), vars(module))
    except BaseException:
        del sys.modules[name]
        raise


@contextmanager
def _import(what: str) -> Iterator[None]:
    _importing.append(what)
    try:
        yield
    finally:
        _importing.pop()


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn what goes wrong in a file into one error with file and line."""
    try:
        yield
    except GenbenchError as error:
        raise ConfigError(f"{_line_of(error, file)}: {error}") from error
    except SystemExit as error:
        raise ConfigError(f"{_line_of(error, file)}: this ends the program; {GUARD}") from error
    except Exception as error:
        problem = error.msg if isinstance(error, SyntaxError) else first_line(error)
        name = type(error).__name__
        raise ConfigError(f"{_line_of(error, file)}: {name}: {problem}") from error


def _line_of(error: BaseException, file: Path) -> str:
    """Return file and line of an error: the innermost in the file's folder."""
    folder, frames = file.resolve().parent, traceback.extract_tb(error.__traceback__)
    lines = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    own = [(Path(name), line) for name, line in lines if Path(name).parent == folder]
    path, line = own[-1] if own else (file, None)
    return f"{file.parent / path.name}:{line}" if line else str(file)
