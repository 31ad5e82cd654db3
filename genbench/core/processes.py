"""Detects worker processes that re-import the script that started them (no main guard)."""

import multiprocessing
import sys

NO_MAIN_GUARD = 78
"""Exit code of a process that found itself running the script that started it."""


def is_importing_script() -> bool:
    """Return whether this is a spawned process that is still importing its parent's script."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def leave_if_importing_script(jobs: int | str) -> None:
    """Exit silently if a spawned process reaches the call that started it; the parent reports."""
    if jobs not in (1, "auto") and is_importing_script():
        sys.exit(NO_MAIN_GUARD)
