"""The headline comparison as plain text: for a terminal, in Markdown, in LaTeX.

May import the standard library, pandas and this package's tables.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from textwrap import fill

import pandas as pd

from genbench.reporting.tables import Block, Cell, Column, Row, headline, uncertainty_caption

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


def terminal_table(frame: pd.DataFrame, width: int = 118) -> str:
    """The comparison as aligned text, one part per protocol, at most ``width`` wide."""
    return "\n\n".join(_terminal_block(block, width) for block in headline(frame))


def _terminal_block(block: Block, width: int) -> str:
    labels = ["model", "", *(row.label for row in block.rows)]
    columns = [labels, *(_terminal_column(block, i) for i in range(len(block.columns)))]
    lines = [f"{block.dataset} · {block.split} · {block.protocol.text}"]
    for part in _fitting(columns, width):
        lines += ["", *_aligned(part)]
    notes = [uncertainty_caption(block), *_reasons(block)]
    wrapped = (fill(note, width, initial_indent="  ", subsequent_indent="    ") for note in notes)
    return "\n".join([*lines, "", *wrapped])


def _terminal_column(block: Block, index: int) -> list[str]:
    column = block.columns[index]
    cells = (row.cells[index] for row in block.rows)
    return [f"{column.metric} {column.arrow}".strip(), _under(column), *map(_both, cells)]


def _under(column: Column) -> str:
    return ", ".join(part for part in (column.unit, column.settings) if part)


def _both(cell: Cell) -> str:
    return f"{cell.text} ({cell.seeds_text})" if cell.seeds_text else cell.text


def _fitting(columns: list[list[str]], width: int) -> Iterator[list[list[str]]]:
    part, used = [columns[0]], _width(columns[0])
    for column in columns[1:]:
        if used + 2 + _width(column) > width and len(part) > 1:
            yield part
            part, used = [columns[0]], _width(columns[0])
        part.append(column)
        used += 2 + _width(column)
    yield part


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))


def _aligned(columns: list[list[str]]) -> list[str]:
    padded = [[text.ljust(_width(columns[0])) for text in columns[0]]]
    padded += [[text.rjust(_width(column)) for text in column] for column in columns[1:]]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _reasons(block: Block) -> list[str]:
    """Reasons of absent numbers, one line per (word, model, reason)."""
    metrics: dict[tuple[str, str, str], list[str]] = {}
    for row in block.rows:
        for column, cell in zip(block.columns, row.cells, strict=True):
            if not cell.ok and cell.status != "missing":
                key = (cell.word, row.label, cell.reason)
                metrics.setdefault(key, []).append(column.metric)
    return [
        f"{word}: {_about(label, reason)} ({', '.join(dict.fromkeys(names))})"
        for (word, label, reason), names in metrics.items()
    ]


def _about(label: str, reason: str) -> str:
    return reason if reason.startswith(label) else f"{label}: {reason or 'no reason given'}"


def markdown_tables(title: str, blocks: Sequence[Block]) -> str:
    """All blocks as Markdown: heading, what the protocol is, table, reasons."""
    return "\n".join([f"# {_md(title)}", "", *(_markdown(block) for block in blocks)])


def _markdown(block: Block) -> str:
    heads = ["model", *(_markdown_head(column) for column in block.columns)]
    lines = [
        f"## {_md(block.protocol.short)} ({_md(block.split)})",
        "",
        _md(block.protocol.sentence),
        "",
        _piped(heads),
        _piped(["---", *("---:" for _ in block.columns)]),
        *(
            _piped([_md(row.label), *(_md(_both(cell)) for cell in row.cells)])
            for row in block.rows
        ),
        "",
        f"{_md(uncertainty_caption(block))}",
        "",
        *(f"- {_md(note)}" for note in _reasons(block)),
        "",
    ]
    return "\n".join(lines)


def _markdown_head(column: Column) -> str:
    below = ", ".join(part for part in (_under(column), column.kind.replace("_", " ")) if part)
    return " ".join(part for part in (_md(column.metric), column.arrow, f"({_md(below)})") if part)


def _piped(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", flat)


def latex_tables(title: str, blocks: Sequence[Block]) -> str:
    r"""All blocks as LaTeX floats for ``\input``, with booktabs rules."""
    head = r"% \usepackage{booktabs,graphicx} and \usepackage[T1]{fontenc} in the preamble"
    return "\n".join([head, *(_latex(title, block) for block in blocks)])


def _latex(title: str, block: Block) -> str:
    texts = (f"{title}.", block.protocol.sentence, uncertainty_caption(block))
    caption = " ".join(tex(text) for text in texts)
    notes = [rf"\par\smallskip{{\footnotesize {tex(note)}.}}" for note in _reasons(block)]
    heads = [tex(f"{column.metric} {column.arrow}".strip()) for column in block.columns]
    below = [tex(_under(column)) for column in block.columns]
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption}}}",
        r"\centering",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(block.columns)}}}",
        r"\toprule",
        _latex_row(["model", *heads]),
        _latex_row(["", *below]),
        r"\midrule",
        *(_latex_cells(row) for row in block.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        *notes,
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _latex_cells(row: Row) -> str:
    return _latex_row([tex(row.label), *(_latex_cell(cell) for cell in row.cells)])


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(cell: Cell) -> str:
    if not cell.ok:
        return tex(cell.word)
    number = cell.text.replace("±", r"\pm")
    number = re.sub(r"e([+-]\d+)", lambda e: rf"\cdot 10^{{{int(e.group(1))}}}", number)
    seeds = rf" {{\footnotesize {tex(cell.seeds_text)}}}" if cell.seeds_text else ""
    return f"${number}${seeds}"


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
