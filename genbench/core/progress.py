"""Progress bars: on stderr if that is a terminal, in a notebook as its own, hidden elsewhere."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any, TextIO, TypeVar
from weakref import WeakSet

from tqdm import tqdm

from genbench.core.texts import printable

T = TypeVar("T")
_NESTED_DELAY_S = 1.0
"""In a notebook, a bar inside of another appears after this time: a short one would flicker."""
_REPORT_S = 0.3
"""A process without bars reports at most this often."""
_wanted: ContextVar[bool | None] = ContextVar("progress", default=None)
Say = Callable[[str], None]
_report: list[Say] = []
_bars: "WeakSet[tqdm[Any]]" = WeakSet()


@contextmanager
def progress_shown(wanted: bool | None) -> Iterator[None]:
    """Show progress or hide it; None leaves that to where the program runs."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def report_to(report: Say) -> None:
    """Show nothing in this process: it works for another one, which says what matters.

    Args:
        report: Called now and then with what goes on: ``vae (seed 0) 31/50``.
    """
    _report[:] = [report]
    _wanted.set(False)


def show_beside(text: str) -> None:
    """Write what goes on elsewhere beside the bars that are shown here."""
    for bar in list(_bars):
        bar.set_postfix_str(text)


def progress(
    items: Iterable[T], description: str, unit: str, *, initial: int = 0, leave: bool = False
) -> "tqdm[T]":
    """Wrap ``items`` in a bar with the time left; ``initial`` items were done earlier.

    In a notebook without widgets a bar inside of another is hidden: its text would pile up.
    """
    total = len(items) + initial if isinstance(items, Sized) else None
    if _report and total is not None:
        items = _reported(items, description, initial, total, _report[0])
    notebook, shown = in_notebook(), is_shown()
    nested, widgets = bool(getattr(tqdm, "_instances", ())), notebook and _has_widgets()
    bar = _kind_of_bar(widget=widgets and shown)(
        items,
        desc=description,
        unit=unit,
        leave=leave,
        disable=not shown or (nested and notebook and not widgets),
        dynamic_ncols=True,
        delay=_NESTED_DELAY_S if nested and notebook else 0.0,
        file=_stream(),
        initial=initial,
        total=total,
    )
    _bars.add(bar)
    return bar


def _reported(
    items: Iterable[T], description: str, done: int, total: int, report: Say
) -> Iterator[T]:
    reported = monotonic()
    for n, item in enumerate(items, done):
        if monotonic() - reported > _REPORT_S:
            report(f"{description} {n}/{total}")
            reported = monotonic()
        yield item


def announce(line: str) -> None:
    """Print a line past the bars, where progress is shown."""
    stream = _stream()
    if is_shown() and stream:
        with tqdm.external_write_mode(file=stream):
            print(printable(line), file=stream, flush=True)


def warn(line: str) -> None:
    """Print a line that matters past the bars, to stderr.

    Processes that work for another are silent: that one has said it.
    """
    stream = sys.stderr
    if stream is not None and not stream.closed and not _report:
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
