"""Progress bars on stderr, hidden when stderr is not a terminal."""

import sys
from collections.abc import Iterable, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T], description: str, unit: str, *, initial: int = 0, leave: bool = False
) -> "tqdm[T]":
    """Wrap ``items`` in a bar with the time left; ``initial`` items were done earlier."""
    return tqdm(
        items,
        desc=description,
        unit=unit,
        leave=leave,
        disable=None if sys.stderr else True,  # closed in a daemon
        dynamic_ncols=True,
        initial=initial,
        total=len(items) + initial if isinstance(items, Sized) else None,
    )
