"""Plain text for terminals."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[object]], heads: Sequence[str]) -> str:
    """Return a table with two spaces between its columns.

    Example:
        >>> print(aligned([("vae", 1.5), ("pca", 12)], ("model", "value")))
        model  value
        vae    1.5
        pca    12
    """
    cells = [tuple(heads), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)
