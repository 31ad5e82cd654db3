"""Progress bars: on stderr if that is a terminal, in a notebook as its own, hidden elsewhere."""

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import parent_process
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

from genbench.core.texts import printable

T = TypeVar("T")
_NESTED_DELAY_S = 1.0
"""In a notebook, a bar inside of another appears after this time: a short one would flicker."""
_wanted: ContextVar[bool | None] = ContextVar("progress", default=None)


@contextmanager
def progress_shown(wanted: bool | None) -> Iterator[None]:
    """Show progress or hide it; None leaves that to where the program runs."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def progress(
    items: Iterable[T], description: str, unit: str, *, initial: int = 0, leave: bool = False
) -> "tqdm[T]":
    """Wrap ``items`` in a bar with the time left; ``initial`` items were done earlier.

    In a notebook without widgets a bar inside of another is hidden: its text would pile up.
    """
    notebook, shown = in_notebook(), is_shown()
    nested, widgets = bool(getattr(tqdm, "_instances", ())), notebook and _has_widgets()
    return _kind_of_bar(widget=widgets and shown)(
        items,
        desc=description,
        unit=unit,
        leave=leave,
        disable=not shown or (nested and notebook and not widgets),
        dynamic_ncols=True,
        delay=_NESTED_DELAY_S if nested and notebook else 0.0,
        file=_stream(),
        initial=initial,
        total=len(items) + initial if isinstance(items, Sized) else None,
    )


def announce(line: str) -> None:
    """Print a line past the bars, where progress is shown."""
    stream = _stream()
    if is_shown() and stream:
        with tqdm.external_write_mode(file=stream):
            print(printable(line), file=stream, flush=True)


def warn(line: str) -> None:
    """Print a line that matters past the bars, to stderr.

    Worker processes are silent: the one that started them has said it.
    """
    stream = sys.stderr
    if stream is not None and not stream.closed and parent_process() is None:
        with tqdm.external_write_mode(file=stream):
            print(f"genbench: {line}", file=stream, flush=True)


def is_shown() -> bool:
    """Whether progress is shown here."""
    wanted, stream = _wanted.get(), _stream()
    if stream is None or stream.closed:  # in a daemon
        return False
    return (in_notebook() or stream.isatty()) if wanted is None else wanted


def in_notebook() -> bool:
    """Whether this is a kernel of Jupyter."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


def _stream() -> TextIO | None:
    """Return where progress goes; a notebook shows what is on stderr as if it were an error."""
    return sys.stdout if in_notebook() else sys.stderr


def _has_widgets() -> bool:
    return find_spec("ipywidgets") is not None


def _kind_of_bar(*, widget: bool) -> "type[tqdm[Any]]":
    kind: Any = import_module("tqdm.notebook").tqdm if widget else tqdm
    return kind  # type: ignore[no-any-return]
