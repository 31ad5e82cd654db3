"""Small pieces of Markdown."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a column without a single entry is left out."""
    cells = [[_cell(entry) for entry in row] for row in rows]
    kept = [i for i in range(len(heads)) if any(row[i] for row in cells)]
    lines = [
        [heads[i] for i in kept],
        ["---"] * len(kept),
        *([row[i] for i in kept] for row in cells),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(entry: object) -> str:
    return " ".join(str(entry).split()).replace("|", r"\|")


def code(text: object) -> str:
    """Return text in code font; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def codes(names: Iterable[object]) -> str:
    """Return names in code font with commas between them."""
    return ", ".join(map(code, names))


def page(*parts: str) -> str:
    """Put paragraphs, headings and tables one below the other."""
    return "\n\n".join(part for part in parts if part) + "\n"
