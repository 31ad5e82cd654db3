"""Lets stdout and stderr take any text in any encoding, even if the reader has gone.

Characters that the encoding lacks are spelled in ASCII.
"""

import codecs
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO

SPELLED = {
    "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "−": "-", "–": "-", "—": "-",
    "·": ".", "×": "x", "→": "->", "†": "+", "‡": "++", "‖": "||", "′": "'", "“": "'", "”": "'",
    "√": "sqrt", "∞": "inf", "λ": "lambda", "↑": "^", "↓": "v",
}  # fmt: skip


def ascii_of(symbol: str) -> str:
    """Spell a symbol in ASCII; ``?`` if there is no spelling.

    Example:
        >>> [ascii_of(symbol) for symbol in "≤é²ᵢα…☃"]
        ['<=', 'e', '2', 'i', 'alpha', '...', '?']
    """
    if symbol.isascii() or symbol in SPELLED:
        return SPELLED.get(symbol, symbol)
    parts = unicodedata.normalize("NFKD", symbol)
    if parts != symbol:
        return "".join(map(ascii_of, parts))
    match unicodedata.name(symbol, "").split():
        case ["GREEK", "SMALL", "LETTER", letter, *_]:
            return letter.lower()
        case ["GREEK", "CAPITAL", "LETTER", letter, *_]:
            return letter.capitalize()
    return "" if unicodedata.combining(symbol) else "?"


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


def print_on(stream: TextIO | None, text: str) -> None:
    """Print at once; carry on if the reader has gone."""
    if stream is None or stream.closed:
        return
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Discard everything printed from here on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
