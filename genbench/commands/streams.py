"""Lets stdout and stderr take any text in any encoding, even if the reader has gone.

Characters that the encoding lacks are spelled in ASCII.
"""

import codecs
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO

from genbench.core.texts import Terminal, ascii_of, printable

_PIPED = 100


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_of(error.object[error.start]), error.start + 1


codecs.register_error("genbench.ascii", _spell)


@contextmanager
def any_text() -> Iterator[None]:
    """Spell what stdout and stderr cannot encode in ASCII; restore both afterwards."""
    streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, TextIOWrapper) and not s.closed]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="genbench.ascii")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            try:
                stream.reconfigure(errors=errors)
            except OSError:  # nobody reads what argparse printed
                _discard(stream)


def terminal() -> Terminal:
    """Where results go: stdout as wide as it is, or 100 columns where it is no terminal."""
    stream = sys.stdout
    seen = stream is not None and not stream.closed and stream.isatty()
    known = seen or "COLUMNS" in os.environ
    width = shutil.get_terminal_size((_PIPED, 24)).columns if known else _PIPED
    return Terminal(width, getattr(stream, "encoding", None) or "utf-8")


def print_on(stream: TextIO | None, text: str) -> None:
    """Print at once, nothing that a terminal obeys; carry on if the reader has gone.

    Nor does a message that cannot be written, to a log on a full disk, change an exit code.
    """
    if stream is None or stream.closed:
        return
    try:
        print(printable(text), file=stream, flush=True)
    except BrokenPipeError:
        _discard(stream)
    except OSError:
        if stream is not sys.stderr:
            raise
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Discard everything printed from here on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
