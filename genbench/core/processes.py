"""Processes that a script starts and that import it again, because it has no main guard."""

import multiprocessing
import sys

NO_MAIN_GUARD = 78
"""Exit code of a process that found itself running the script that started it."""


def is_importing_script() -> bool:
    """Return whether this process was spawned, and is still importing its parent's script."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def leave_if_importing_script(jobs: int) -> None:
    """End a spawned process that has come to the call of several jobs which started it.

    It says nothing: its parent explains.
    """
    if jobs > 1 and is_importing_script():
        sys.exit(NO_MAIN_GUARD)
