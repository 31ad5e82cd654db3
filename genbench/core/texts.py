"""Plain text for terminals: tables and paragraphs that fit, in letters that can be printed."""

import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from textwrap import wrap

SPELLED = {
    "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~", "−": "-", "–": "-", "—": "-",
    "·": ".", "×": "x", "→": "->", "†": "+", "‡": "++", "‖": "||", "′": "'", "“": "'", "”": "'",
    "²": "^2", "³": "^3", "√": "sqrt", "∞": "inf", "λ": "lambda", "↑": "^", "↓": "v",
    "✓": "c",
}  # fmt: skip
_OBEYED = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(set(range(32)) - {9, 10}), *range(127, 160), 0x2028, 0x2029, 0xFEFF,
        *range(0x202A, 0x202F), *range(0x2066, 0x206A),
    )
}  # fmt: skip
"""Control characters, and those that end a line or turn the direction of text."""
GAP = 2
_INFIX = re.compile(r" (=|±|\+-) ")
_PROSE = 36
"""Less room than this beside a row is too little for prose."""
_READABLE = 100
"""No paragraph is wider, however wide the terminal is."""


def printable(text: str) -> str:
    r"""Escape what a terminal obeys instead of printing it; lines and tabs stay.

    Example:
        >>> print(printable("vae\x1b[31m\u202e\r"))
        vae\x1b[31m\u202e\x0d
    """
    return text.translate(_OBEYED)


def one_line(text: str) -> str:
    r"""Return a text on one line, all of it printable.

    Example:
        >>> one_line("a\nb  c\a")
        'a b c\\x07'
    """
    return printable(" ".join(text.split()))


def ascii_of(symbol: str) -> str:
    """Spell a symbol in ASCII, as ``?`` if there is no way.

    Example:
        >>> [ascii_of(symbol) for symbol in "≤é²ᵢα…☃"]
        ['<=', 'e', '^2', 'i', 'alpha', '...', '?']
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

    def paragraph(self, text: str, indent: int = 0, first: int = 0) -> str:
        """The text in lines that fit, indented by so many columns, the first by its own."""
        width = min(self.width, _READABLE)
        lines = wrapped(self.spelled(text), width, " " * first, " " * indent)
        return "\n".join(lines)


def few(names: Sequence[str], shown: int = 4) -> str:
    """The first names of a list, and how many more there are.

    Example:
        >>> few(["a", "b", "c", "d"], shown=2)
        'a, b and 2 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def noun(n: int | None, one: str, many: str = "") -> str:
    """The word for so many things; the plural has an s unless another is given.

    Example:
        >>> noun(1, "image"), noun(2, "image"), noun(0, "study", "studies")
        ('image', 'images', 'studies')
    """
    return one if n == 1 else many or f"{one}s"


def wrapped(text: str, width: int, first: str = "", indent: str = "") -> list[str]:
    """The lines of a text at most ``width`` wide.

    A word is broken at its hyphens only, a path nowhere; ``K = 1`` and ``2 ± 1`` stay together.

    Example:
        >>> wrapped("a log-likelihood with K = 50", 14)
        ['a log-', 'likelihood', 'with K = 50']
    """
    glued = _INFIX.sub("\u00a0\\1\u00a0", text)
    lines = wrap(
        glued,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens="/" not in text,
    )
    return [line.replace("\u00a0", " ") for line in lines] or [""]


def aligned(
    rows: Sequence[Sequence[object]],
    heads: Sequence[str],
    terminal: Terminal | None = None,
    right: Collection[int] = (),
    keys: int = 1,
) -> str:
    """Return a table with two spaces between its columns.

    Args:
        rows: Cells, which are written as texts.
        heads: One per column.
        terminal: If given, the table fits into it as far as its words allow: texts of the widest
            columns go on in the next line, and columns that still have no room in a table below.
        right: Positions of columns of numbers, which end below each other and stay on one line;
            those of integers do so anyway.
        keys: How many columns name a row, and are repeated below.

    Example:
        >>> print(aligned([("vae", 1.5), ("pca", 12)], ("model", "value")))
        model  value
        vae    1.5
        pca    12
    """
    spelled = terminal.spelled if terminal else str
    cells = [[spelled(str(cell)) for cell in row] for row in (heads, *rows)]
    counts = [i for i in range(len(heads)) if _are_counts([row[i] for row in rows])]
    columns = [
        _Column(texts, i in right or i in counts)
        for i, texts in enumerate(zip(*cells, strict=True))
    ]
    if terminal is None:
        return _table(columns, sum(column.width + GAP for column in columns))
    parts = _parts(columns, terminal.width, keys)
    return "\n\n".join(_table(part, terminal.width) for part in parts)


def _are_counts(cells: Sequence[object]) -> bool:
    known = [cell for cell in cells if cell != ""]
    return bool(known) and all(isinstance(cell, int) for cell in known)


def listed(
    rows: Sequence[Sequence[object]],
    heads: Sequence[str],
    terminal: Terminal,
    right: Collection[int] = (),
) -> str:
    """A table whose last column is prose: below each row, where there is little room beside it."""
    wide = replace(terminal, width=sys.maxsize)
    table = aligned([row[:-1] for row in rows], heads[:-1], wide, right)
    if terminal.width - max(map(len, table.splitlines())) >= _PROSE:
        return aligned(rows, heads, terminal, right)
    head, *lines = table.splitlines()
    pairs = zip(lines, rows, strict=True)
    below = (f"{line}\n{terminal.paragraph(str(row[-1]), 4, 4)}" for line, row in pairs)
    return "\n".join([head, *below])


@dataclass(frozen=True)
class _Column:
    """The texts of a column, its head first."""

    texts: Sequence[str]
    right: bool

    @property
    def width(self) -> int:
        return max(map(len, self.texts))

    @property
    def least(self) -> int:
        """The longest word: what can go on in the next line needs no more."""
        if self.right:
            return self.width
        return max(len(word) for text in self.texts for word in wrapped(text, 1))

    def padded(self, text: str, width: int) -> str:
        return text.rjust(width) if self.right else text.ljust(width)


def _parts(columns: list[_Column], room: int, keys: int) -> Iterator[list[_Column]]:
    """The columns in groups that fit, each with the columns that name a row."""
    part = columns[:keys]
    for column in columns[keys:]:
        least = sum(c.least + GAP for c in part) + column.least
        if least > room and len(part) > keys:
            yield part
            part = columns[:keys]
        part = [*part, column]
    yield part


def _table(columns: Sequence[_Column], room: int) -> str:
    widths = _widths(columns, room)
    lines: list[str] = []
    for row in zip(*(column.texts for column in columns), strict=True):
        parts = (
            [text] if len(text) <= width else wrapped(text, width)
            for text, width in zip(row, widths, strict=True)
        )
        for texts in zip_longest(*parts, fillvalue=""):
            padded = (c.padded(*pair) for c, *pair in zip(columns, texts, widths, strict=True))
            lines.append((" " * GAP).join(padded).rstrip())
    return "\n".join(lines)


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """Widths of columns: the widest ones narrowed, none below its longest word, until they fit."""
    widths = [column.width for column in columns]
    least = [column.least for column in columns]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        able = [i for i, width in enumerate(widths) if width > least[i]]
        if not able:
            break
        widths[max(able, key=widths.__getitem__)] -= 1
    return widths
