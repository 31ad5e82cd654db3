r"""The comparison and the smaller tables as LaTeX floats, with every text made safe."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from genbench.reporting.tables.captions import block_footnotes, ranking_caption, uncertainty_caption
from genbench.reporting.tables.small_table import SmallTable
from genbench.reporting.tables.text import reasons
from genbench.results.cells import BEST, TIED, Cell, Column, ProtocolBlock, marks, words

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


def latex_tables(
    title: str, blocks: Sequence[ProtocolBlock], tables: Sequence[SmallTable] = ()
) -> str:
    r"""All tables as LaTeX floats for ``\input``, with booktabs rules."""
    head = r"% \usepackage{booktabs,graphicx} and \usepackage[T1]{fontenc} in the preamble"
    comparisons = (_latex(title, block) for block in blocks)
    return "\n".join([head, *comparisons, *(_small_table(title, s) for s in tables if s.in_latex)])


def _latex(title: str, block: ProtocolBlock) -> str:
    captions = (block.protocol.sentence, uncertainty_caption(block), ranking_caption(block))
    heads = ["model", *(f"{c.metric} {c.arrow}".strip() for c in block.columns)]
    below = ["", *(", ".join((*block.under(c), words(c.kind))) for c in block.columns)]
    lines = [
        _joined(map(tex, heads)),
        _joined(map(tex, below)),
        r"\midrule",
        *(
            _joined(
                [
                    tex(row.title),
                    *(_cell(block, *pair) for pair in zip(block.columns, row.cells, strict=True)),
                ]
            )
            for row in block.rows
        ),
    ]
    notes = [*_footnotes(block_footnotes(block)), *(tex(note) for note in reasons(block))]
    return _float((f"{title}.", *captions), "l" + "r" * len(block.columns), lines, notes)


def _small_table(title: str, table: SmallTable) -> str:
    columns = "".join("l" if i in table.texts else "r" for i in range(len(table.heads)))
    rows = (_joined(map(_entry, row)) for row in table.rows)
    lines = [_joined(map(tex, table.heads)), r"\midrule", *rows]
    captions = (f"{title}: {table.title}.", table.caption)
    return _float(captions, columns, lines, _footnotes(table.notes))


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
    return " & ".join(cells) + r" \\"


def _footnotes(notes: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{tex(mark)} {tex(sentence)}" for mark, sentence in notes]


def _cell(block: ProtocolBlock, column: Column, cell: Cell) -> str:
    if not cell.ok:
        return tex(cell.word)
    number = cell.text.replace("±", r"\pm")
    number = re.sub(r"e([+-]\d+)", lambda e: rf"\cdot 10^{{{int(e.group(1))}}}", number)
    number = rf"\mathbf{{{number}}}" if cell.standing == BEST else number
    tied = r"\approx{}" if cell.standing == TIED else ""
    beside = block.beside(column, cell)
    below = rf" {{\footnotesize {tex('; '.join(beside))}}}" if beside else ""
    return f"${tied}{number}${tex(marks(column, cell))}{below}"


def _entry(text: str) -> str:
    first, _, below = text.partition("\n")
    below = rf" {{\footnotesize {tex(below)}}}" if below else ""
    return re.sub(r"^-|(?<=[\s(])-(?=\d)", lambda _: r"\ensuremath{-}", tex(first)) + below


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
