"""What travels to the nodes: the plan of a suite, and the code of the user that it needs.

Its bytes go from a process to its own workers; none is ever read from a file.
"""

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genbench.core.errors import ConfigError, first_line
from genbench.core.files import sha256_bytes
from genbench.core.plugins import GROUPS, load_plugins, loaded_files
from genbench.core.registry import Registry
from genbench.runs.executors.registered import SCRIPT
from genbench.runs.run_context import RunPlan

Entries = Mapping[tuple[str, str], Any]
"""What is registered, by group and name."""


@dataclass(frozen=True)
class Parcel:
    """A plan with the code of a user that it needs.

    Attributes:
        files: Content of plugins, and of the modules beside them that they imported.
        plugins: Which of the files are plugins.
        modules: Other modules, by name, that registered recipes, data sets or metrics of the plan.
        content: The plan, and what the caller's own script or notebook registered.
        digest: SHA-256 of all of it.
    """

    files: Mapping[Path, bytes]
    plugins: tuple[Path, ...]
    modules: tuple[str, ...]
    content: bytes
    digest: str

    @classmethod
    def of(
        cls, plan: RunPlan, modules: Iterable[str], dumps: Callable[[Any], bytes] = pickle.dumps
    ) -> "Parcel":
        """Pack a plan.

        Args:
            plan: What is to be executed.
            modules: Those that registered something that it names.
            dumps: Pickles also what a script defines.

        Raises:
            ConfigError: A plugin was changed after it was loaded, or an object cannot be sent.
        """
        plugins = tuple(file.resolve() for file in plan.options.plugins)
        files = {path: _unchanged(path) for path in plugins}
        files |= {path: path.read_bytes() for path in _beside(plugins)}
        try:
            content = dumps((plan, _of_script()))
        except Exception as error:  # an object of the user's can raise anything
            raise ConfigError(
                f"executor: what this script defines cannot be sent to a cluster:"
                f" {first_line(error)}; put it into a file and name that by --plugin"
            ) from error
        others = tuple(name for name in modules if name != SCRIPT)
        digest = sha256_bytes(pickle.dumps((files, others, content)))
        return cls(files, plugins, others, content, digest)

    def unpack(self) -> RunPlan:
        """Make known what the plan needs, and return it.

        Raises:
            ConfigError: A module cannot be imported here.
        """
        load_plugins([self._placed(path) for path in self.plugins])
        for name in self.modules:
            try:
                import_module(name)
            except ImportError as error:
                raise ConfigError(f"cannot import {name}: {first_line(error)}") from error
        plan, entries = pickle.loads(self.content)
        for (group, name), entry in entries.items():
            registry = _registry(group)
            registry.discard(name)
            registry.add(name, entry)
        assert isinstance(plan, RunPlan)
        return plan

    def _placed(self, plugin: Path) -> Path:
        """Return where a plugin is: at its own path if this machine sees the same files there."""
        if all(_content(path) == content for path, content in self.files.items()):
            return plugin
        home = Path(_folder(self.digest).name)
        for path, content in self.files.items():
            copy = home / path.relative_to(path.anchor)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        return home / plugin.relative_to(plugin.anchor)


@cache
def _folder(digest: str) -> "TemporaryDirectory[str]":
    """Return a folder for the files of a parcel, which lasts as long as this process."""
    return TemporaryDirectory(prefix="genbench-plugins-", ignore_cleanup_errors=True)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _unchanged(path: Path) -> bytes:
    content = _content(path) or b""
    if sha256_bytes(content) != loaded_files()[path]:
        raise ConfigError(f"plugin: {path.name} was changed during the run; run it again")
    return content


def _beside(plugins: Sequence[Path]) -> Iterator[Path]:
    """Yield the files, in the plugins' folders or below, of modules that are imported."""
    folders = tuple(f"{path.parent}/" for path in plugins)
    for name, module in [*sys.modules.items()] if folders else ():
        file = getattr(module, "__file__", None) or ""
        known = name.partition(".")[0] in ("genbench", SCRIPT) or name.startswith("genbench_plugin")
        installed = file.startswith(f"{sys.prefix}/")
        if file.startswith(folders) and file.endswith(".py") and not (known or installed):
            yield Path(file)


def _of_script() -> Entries:
    """Return what the caller's own script or notebook registered."""
    return {
        (group, name): _registry(group)[name]
        for group in GROUPS
        for name in _registry(group)
        if _module_of(_registry(group)[name]) == SCRIPT
    }


def _module_of(entry: Any) -> str:
    """Return the module of the function that is registered, under either name that it has."""
    function = entry.build if hasattr(entry, "build") else entry.function
    return str(function.__module__)


def _registry(group: str) -> Registry[Any]:
    module, name = GROUPS[group]
    registry: Registry[Any] = getattr(import_module(module), name)
    return registry
