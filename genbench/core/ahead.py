"""Modules that a process will need, imported while it waits for others."""

from contextlib import suppress
from importlib import import_module

_ahead: list[str] = []


def import_ahead(*modules: str) -> None:
    """Ask for modules to be imported when this process has nothing to do."""
    _ahead.extend(modules)


def is_anything_ahead() -> bool:
    """Return whether a module is yet to be imported."""
    return bool(_ahead)


def import_next() -> None:
    """Import the next module, if one was asked for; whoever needs it reports an error."""
    if _ahead:
        with suppress(Exception):
            import_module(_ahead.pop(0))
