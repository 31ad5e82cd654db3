"""Plain text for terminals: tables and paragraphs that fit, in letters that can be printed."""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

SPELLED = {
    "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "−": "-", "–": "-", "—": "-",
    "·": ".", "×": "x", "→": "->", "†": "+", "‡": "++", "‖": "||", "′": "'", "“": "'", "”": "'",
    "√": "sqrt", "∞": "inf", "λ": "lambda", "↑": "^", "↓": "v",
}  # fmt: skip
GAP = 2
_READABLE = 100
"""No paragraph is wider, however wide the terminal is."""


def ascii_of(symbol: str) -> str:
    """Spell a symbol in ASCII, as ``?`` if there is no way.

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


@dataclass(frozen=True)
class Terminal:
    """Where text is printed: how wide it may be, and the encoding of the stream."""

    width: int = 100
    encoding: str = "utf-8"

    def spelled(self, text: str) -> str:
        """The text with each letter that the encoding lacks in ASCII.

        Example:
            >>> Terminal(encoding="ascii").spelled("≥ −1.5 ± 0.2")
            '>= -1.5 +- 0.2'
        """
        return text if self._prints(text) else "".join(map(self._letter, text))

    def shortened(self, text: str, width: int) -> str:
        """The text without its middle, if it is wider.

        Example:
            >>> Terminal().shortened("independent_pixels_grey", 12)
            'indepe…_grey'
        """
        if len(text) <= width:
            return text
        dots = self.spelled("…")
        kept = max(width - len(dots), 2)
        return text[: kept - kept // 2] + dots + text[-(kept // 2) :]

    def _letter(self, letter: str) -> str:
        return letter if self._prints(letter) else ascii_of(letter)

    def _prints(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def paragraph(self, text: str, indent: int = 0) -> str:
        """The text in lines that fit; those after the first are indented."""
        width = min(self.width, _READABLE)
        return "\n".join(wrapped(self.spelled(text), width, " " * indent))


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of a text at most ``width`` wide; no word is broken."""
    lines = wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines or [""]


def aligned(
    rows: Sequence[Sequence[object]],
    heads: Sequence[str],
    terminal: Terminal | None = None,
    right: Collection[int] = (),
) -> str:
    """Return a table with two spaces between its columns.

    Args:
        rows: Cells, which are written as texts.
        heads: One per column.
        terminal: If given, the table fits into it where its words allow that: texts of the widest
            columns go on in the next line.
        right: Positions of columns whose texts end below each other.

    Example:
        >>> print(aligned([("vae", 1.5), ("pca", 12)], ("model", "value")))
        model  value
        vae    1.5
        pca    12
    """
    spelled = terminal.spelled if terminal else str
    cells = [[spelled(str(cell)) for cell in row] for row in (heads, *rows)]
    columns = list(zip(*cells, strict=True))
    widths = _widths(columns, terminal.width) if terminal else list(map(_width, columns))
    return "\n".join(line for row in cells for line in _lines(row, widths, right))


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of columns: the widest ones narrowed, none below its longest word, until they fit."""
    widths = list(map(_width, columns))
    least = [max(map(len, " ".join(column).split()), default=0) for column in columns]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        able = [i for i, width in enumerate(widths) if width > least[i]]
        if not able:
            break
        widths[max(able, key=widths.__getitem__)] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> Iterator[str]:
    parts = (
        [text] if len(text) <= width else wrapped(text, width)
        for text, width in zip(row, widths, strict=True)
    )
    for line in zip_longest(*parts, fillvalue=""):
        padded = (
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        yield (" " * GAP).join(padded).rstrip()
