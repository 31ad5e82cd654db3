"""Errors that users meet, each with the exit code of the command line.

Every message is one to ten lines, names the key, file or option concerned, and says what to do.
"""

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What ``python -m genbench`` returns to the shell."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    DATA = 3
    RUNS_FAILED = 4
    STORAGE = 5
    BASELINE = 6
    INTERRUPTED = 130
    TERMINATED = 143


class GenbenchError(Exception):
    """Base of all errors whose message is meant for the user; shown without a traceback."""

    exit_code = ExitCode.USAGE


class ConfigError(GenbenchError):
    """A suite file, an option or an argument is wrong."""


class DataError(GenbenchError):
    """Data are missing or do not have the pinned digest."""

    exit_code = ExitCode.DATA


class RunsFailedError(GenbenchError):
    """Some runs failed or diverged; the others are stored."""

    exit_code = ExitCode.RUNS_FAILED


class StorageError(GenbenchError):
    """Results could not be read or written."""

    exit_code = ExitCode.STORAGE


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say what is known, nearest name first, as the tail of an error message.

    Example:
        >>> did_you_mean("mnits", ["digits", "mnist"])
        "did you mean 'mnist'? known: digits, mnist"
    """
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{nearest[0]}'? " if nearest else ""
    return f"{hint}known: {', '.join(names)}"
