"""Errors for users, each with its exit code.

A message has at most ten lines, names the key, file or option concerned, and says what to do.
"""

import difflib
from collections.abc import Iterable
from enum import IntEnum

from genbench.core.texts import printable

_QUOTED = 100
"""Characters of a text that a message repeats."""


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
    """Base of the errors that are shown to users without a traceback."""

    exit_code = ExitCode.USAGE


class ConfigError(GenbenchError):
    """A suite file, an option or an argument is wrong."""


class DataError(GenbenchError):
    """Data are missing or have the wrong digest."""

    exit_code = ExitCode.DATA


class RunsFailedError(GenbenchError):
    """Some runs failed or diverged; the others are stored."""

    exit_code = ExitCode.RUNS_FAILED


class StorageError(GenbenchError):
    """Results could not be read or written."""

    exit_code = ExitCode.STORAGE


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an error message: the nearest name and all known names, each once.

    Example:
        >>> did_you_mean("mnits", ["digits", "mnist"])
        "did you mean 'mnist'? known: digits, mnist"
    """
    names = sorted(set(known))
    meant = nearest(name, names)
    hint = f"did you mean '{meant}'? " if meant else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that begins so, or else one that is much like it; empty if none is.

    Example:
        >>> nearest("Digts", ["digits", "mnist"]), nearest("cifar", ["digits", "mnist"])
        ('digits', '')
    """
    letters, names = _letters(name[:_QUOTED]), {_letters(each): each for each in known}
    begun = [each for each in names if len(letters) > 2 and each.startswith(letters)]
    alike = begun or difflib.get_close_matches(letters, names, n=1)
    return names[min(alike, key=len)] if alike else ""


def _letters(name: str) -> str:
    """Return a name in lower case, and that of an option without its dashes."""
    return name.lower().lstrip("-")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, printable, or its type if it has none.

    Of a GPU without memory: what was asked for, and not the state of torch's allocator.
    """
    line = (str(error) or type(error).__name__).splitlines()[0]
    line = line.partition(". GPU ")[0] + "." if "out of memory. " in line else line
    return printable(line)


BY_PLUGIN = "one of your own is known once its file is named by --plugin, or imported"
"""Ends the answer to an unknown name where users may register their own."""


def require_known(name: str, known: Iterable[str], problem: str, more: str = "") -> None:
    """Check that a name is known.

    Raises:
        ConfigError: States the problem, the name, the nearest name and all known names.
    """
    names = list(known)
    if name not in names:
        text = f"{problem} {quoted(name)}; {did_you_mean(name, names)}"
        raise ConfigError(f"{text}; {more}" if more else text)


def quoted(text: str) -> str:
    """Quote what a user wrote: one line, only the start of a long text, all of it printable.

    Example:
        >>> quoted("vae"), quoted("x" * 999)[-6:]
        ("'vae'", "xx'...")
    """
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}..."
