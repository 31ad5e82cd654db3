r"""Tables as LaTeX floats, with every text made safe."""

import re
import unicodedata
from collections.abc import Iterable

from genbench.reporting.tables.small_table import SmallTable, TableCell
from genbench.results.cells import BEST, TIED

_NUMBER = re.compile(r"([≥≤] ?)?[+-]?[\d.\u202f]+(e[+-]?\d+)?( %)?")
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"\ensuremath{\pm}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "−": r"\ensuremath{-}",
    "–": "--",
    "—": "---",
    "·": r"\ensuremath{\cdot}",
    "\u202f": r"\,",
    "‖": r"\ensuremath{\|}",
    "†": r"\ensuremath{\dagger}",
    "‡": r"\ensuremath{\ddagger}",
    "✓": r"\ensuremath{\surd}",
    "≈": r"\ensuremath{\approx}",
    "→": r"\ensuremath{\to}",
    "∞": r"\ensuremath{\infty}",
    "²": r"\ensuremath{^2}",
    "³": r"\ensuremath{^3}",
    "λ": r"\ensuremath{\lambda}",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
}
_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): rf"\ensuremath{{\{name}}}"
    for name in [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "eta",
        "theta",
        "kappa",
        "mu",
        "nu",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
    ]
}


def latex_tables(title: str, tables: Iterable[SmallTable], remark: str = "") -> str:
    r"""All tables as LaTeX floats for ``\input``, with booktabs rules.

    Args:
        title: Of all of them.
        tables: In order.
        remark: A comment at the top, in plain letters.
    """
    above = [f"% {remark}"] if remark else []
    above += [r"% \usepackage{booktabs,graphicx} and \usepackage[T1]{fontenc} in the preamble"]
    return "\n".join([*above, *(_latex(title, table) for table in tables if table.in_latex)])


def _latex(title: str, table: SmallTable) -> str:
    columns = "".join("l" if head.words else "r" for head in table.heads)
    below = [_joined(tex(head.about) for head in table.heads)]
    lines = [
        _joined(tex(head.name) for head in table.heads),
        *(below if any(head.about for head in table.heads) else []),
        r"\midrule",
        *(_joined(map(_cell, row)) for row in table.rows),
    ]
    notes = [f"{tex(mark)} {tex(sentence)}" for mark, sentence in table.notes]
    captions = (f"{title}: {table.title}.", table.lead, table.caption)
    return _float(captions, columns, lines, [*notes, *map(tex, table.reasons)])


def _float(captions: Iterable[str], columns: str, lines: list[str], notes: list[str]) -> str:
    caption = " ".join(tex(text) for text in captions if text)
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{caption}}}",
            r"\centering",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}}",
            *(rf"\par\smallskip{{\footnotesize {note}.}}" for note in notes),
            r"\end{table}",
            "",
        ]
    )


def _joined(cells: Iterable[str]) -> str:
    row = " & ".join(cells) + r" \\"
    return "{}" + row if row[0] in "[*" else row  # the rule or row above would take it as its own


def _cell(cell: TableCell) -> str:
    if not _NUMBER.fullmatch(cell.text):
        return re.sub(r"(?<![^\s(\[])-(?=\d)", lambda _: r"\ensuremath{-}", tex(cell.line))
    below = rf" {{\footnotesize {tex(cell.beside)}}}" if cell.beside else ""
    return f"{_number(cell)}{below}"


def _number(cell: TableCell) -> str:
    texts = [_maths(text) for text in (cell.text, cell.error) if text]
    number = r" \pm ".join(texts)
    number = rf"\mathbf{{{number}}}" if cell.standing == BEST else number
    tied = r"\approx{}" if cell.standing == TIED else ""
    return f"${tied}{number}${tex(cell.marks)}"


def _maths(number: str) -> str:
    return re.sub(r"e([+-]?\d+)", lambda e: rf"\cdot 10^{{{int(e.group(1))}}}", tex(number))


def tex(text: str) -> str:
    r"""Make any text safe in LaTeX; letters that pdflatex lacks become their code points.

    Example:
        >>> tex("a_b & 50%")
        'a\\_b \\& 50\\%'
    """
    return "".join(_tex_letter(letter) for letter in " ".join(text.split(" ")))


def _tex_letter(letter: str) -> str:
    if letter in _TEX or letter in _GREEK:
        return _TEX.get(letter) or _GREEK[letter]
    if letter.isspace() or not letter.isprintable():
        return " "
    if ord(letter) < 0x17F and (ord(letter) < 0x7F or letter.isalpha()):
        return letter
    return f"[U+{ord(letter):04X}]"
