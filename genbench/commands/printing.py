"""Results go to stdout, everything else to stderr."""

import sys
from collections.abc import Sequence


def out(text: str) -> None:
    """Print a result."""
    print(text)  # noqa: T201


def note(text: str) -> None:
    """Say something beside the result, without breaking a progress bar."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Align columns with two spaces between them."""
    cells = [tuple(header), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def split_names(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
