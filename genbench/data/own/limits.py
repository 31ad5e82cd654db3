"""What a file may ask of this machine, and how it is refused."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from unicodedata import category

from genbench.core.errors import DataError, GenbenchError, first_line
from genbench.core.memory import require_memory

MAX_PIXELS = 2**26
"""Of one image file, before it is scaled."""
MAX_FILE_BYTES = 2**28
"""Of one image file."""
MAX_NAME = 100
"""Letters of a label."""
VIEWS = 5
"""Bytes per value that the float views of training hold, beside the level itself."""


def require_room(n_images: int, shape: tuple[int, int, int], source: str) -> None:
    """Refuse a set that can't be trained on here, before it is read.

    Args:
        n_images: How many.
        shape: (C, H, W).
        source: Where they are, for the message.

    Raises:
        DataError: The levels and their views as floats don't fit into memory.
    """
    channels, height, width = shape
    require_memory(
        (1 + VIEWS) * n_images * channels * height * width,
        f"{source}: {n_images:,} images of {channels} x {height} x {width}",
        "scale them down with `resize`, or take fewer",
        DataError,
    )


def shown(name: str) -> str:
    r"""Return a name as it can be printed: escaped if it holds what can't.

    Example:
        >>> shown("a.png"), shown("a\n.png")
        ('a.png', "'a\\n.png'")
    """
    return name if is_plain(name) else ascii(name)


def is_plain(text: str) -> bool:
    """Whether a text has no control characters, line ends or halves of characters."""
    return text.isprintable() or not any(category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)


@contextmanager
def refused(name: str, problem: str) -> Iterator[None]:
    """Turn whatever a damaged or hostile file makes a library raise into an error that names it."""
    try:
        yield
    except GenbenchError:
        raise
    except Exception as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"{name}: {problem}: {shown(why or first_line(error))}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of libraries from the terminal: what matters is refused or noted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
