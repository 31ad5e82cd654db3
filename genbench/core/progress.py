"""Progress bars on stderr, off when stderr is no terminal."""

import sys
from collections.abc import Iterable, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T], description: str, unit: str, *, initial: int = 0, leave: bool = False
) -> "tqdm[T]":
    """Wrap ``items`` in a bar that shows the time left; ``initial`` of them were done before."""
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
