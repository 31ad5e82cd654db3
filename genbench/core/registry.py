"""Tables from names to recipes, evaluators and the like, filled by decorators."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from genbench.core.errors import ConfigError, require_known

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by name; the error for an unknown name suggests the nearest.

    Example:
        >>> colours = Registry("colour", {"blue": 0})
        >>> colours.add("red", 1)
        >>> colours["red"]
        1
    """

    def __init__(self, kind: str, entries: Mapping[str, T] | None = None) -> None:
        self.kind = kind
        self._entries = dict(entries or {})

    def add(self, name: str, entry: T) -> None:
        """Register an entry under a new name."""
        if name in self._entries:
            raise ConfigError(f"{self.kind} '{name}' is already registered; choose another name")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        require_known(name, self._entries, f"unknown {self.kind}")
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))
