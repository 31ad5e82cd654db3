"""Imports of many modules: quicker, and ahead of their use, while this process waits for others."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

_ahead: list[str] = []


@contextmanager
def many_imports() -> Iterator[None]:
    """Import without looking for garbage, a fifth of the time: what modules make stays."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def import_ahead(*modules: str) -> None:
    """Ask for modules to be imported when this process has nothing to do."""
    _ahead.extend(name for name in modules if name not in _ahead)


def is_anything_ahead() -> bool:
    """Return whether a module is yet to be imported."""
    return bool(_ahead)


def import_next() -> None:
    """Import the next module, if one was asked for; whoever needs it reports an error."""
    if _ahead:
        with suppress(Exception), many_imports():
            import_module(_ahead.pop(0))
