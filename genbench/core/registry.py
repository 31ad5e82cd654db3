"""Tables from names to recipes, evaluators and the like, filled by decorators."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from genbench.core.errors import BY_PLUGIN, ConfigError, require_known

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by name; the error for an unknown name suggests the nearest.

    An ``extensible`` one also says where names of others come from.

    Example:
        >>> colours = Registry("colour", {"blue": 0})
        >>> colours.add("red", 1)
        >>> colours["red"]
        1
    """

    def __init__(
        self, kind: str, entries: Mapping[str, T] | None = None, *, extensible: bool = False
    ) -> None:
        self.kind = kind
        self._more = BY_PLUGIN if extensible else ""
        self._entries = dict(entries or {})
        self._places: dict[str, _Place | None] = {}

    def add(self, name: str, entry: T, function: Callable[..., Any] | None = None) -> None:
        """Register an entry under a new name.

        One and the same ``function`` may be registered again: a notebook runs a cell twice.

        Raises:
            ConfigError: The name is taken; says by whom.
        """
        place, taken = _place_of(function), self._places.get(name)
        if name in self._entries and (place is None or place != taken):
            by = f" by {taken.owner}" if taken and taken.owner else ""
            raise ConfigError(
                f"{self.kind} '{name}' is already registered{by}; choose another name"
            )
        self._entries[name], self._places[name] = entry, place
        for journal in () if place and place.owner == _OURS else _journals:
            journal.append((self, name))

    def discard(self, name: str) -> None:
        """Forget an entry, if it is known."""
        self._entries.pop(name, None)

    def __getitem__(self, name: str) -> T:
        require_known(name, self._entries, f"unknown {self.kind}", self._more)
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))


Journal = list[tuple[Registry[Any], str]]
"""What was registered, in order."""
_journals: list[Journal] = []
_OURS = "genbench"


@contextmanager
def registering() -> Iterator[Journal]:
    """Note what the block registers; an exception takes all of it back.

    What genbench registers itself stays, since a module of it is not imported a second time.
    """
    _journals.append([])
    try:
        yield _journals[-1]
    except BaseException:
        forget(_journals[-1])
        raise
    finally:
        _journals.pop()


def forget(journal: Journal) -> None:
    """Take back what was registered."""
    for registry, name in journal:
        registry.discard(name)


class _Place(NamedTuple):
    """Where a function is written, and whose it is."""

    file: str
    function: str
    owner: str


def _place_of(function: Callable[..., Any] | None) -> _Place | None:
    module, code = getattr(function, "__module__", ""), getattr(function, "__code__", None)
    if code is None:
        return None
    name = code.co_qualname
    if module == "__main__":  # each run of a notebook's cell is a file of its own
        return _Place(module, name, "")
    ours = module.partition(".")[0] == _OURS
    return _Place(code.co_filename, name, _OURS if ours else Path(code.co_filename).name)
