"""Lets work that saves its state finish a step before SIGINT or SIGTERM ends it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from genbench.core.errors import GenbenchError

SIGNALS = (signal.SIGINT, signal.SIGTERM)

ECHO_SECONDS = 0.25
"""A signal so soon after another is taken for the same one: ``timeout`` sends its own twice."""


class Interrupts:
    """The first SIGINT or SIGTERM of a block: noted when it comes, acted on when polled.

    Acting on a signal is what would have happened without this class: the handler of before is
    called, which mostly raises an exception. A second signal acts at once.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._noted: int | None = None
        self._noted_at = 0.0

    def poll(self, save: Callable[[], None]) -> None:
        """If a signal was noted, save and act on it; returns if its handler does."""
        if self._noted is not None:
            save()
            self._act(self._noted)

    def begin(self) -> None:
        """Note signals from here, apart from those that are ignored or not Python's."""
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        self._before = {n: h for n, h in handlers.items() if h not in (None, signal.SIG_IGN)}
        for number in self._before:
            signal.signal(number, self._note)

    def end(self) -> None:
        """Restore the handlers of before, and act on a signal that was noted and not polled."""
        self._restore()
        if self._noted is not None:
            signal.raise_signal(self._noted)

    def forget(self) -> None:
        """Drop a noted signal, where an error ends the command anyway."""
        self._noted = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._noted is None:
            self._noted, self._noted_at = number, time.monotonic()
        elif time.monotonic() - self._noted_at > ECHO_SECONDS:
            self._act(number)

    def _act(self, number: int) -> None:
        self.forget()
        self._restore()
        signal.raise_signal(number)
        self.begin()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler)


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Run a block that polls for signals; nested blocks share what the outermost notes.

    Signals reach the main thread only: in others, nothing is noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Interrupts()
        return
    if outer := _noting():
        yield outer
        return
    interrupts = Interrupts()
    interrupts.begin()
    try:
        yield interrupts
    except GenbenchError:
        interrupts.forget()
        raise
    finally:
        interrupts.end()


def _noting() -> Interrupts | None:
    """Return who notes signals now, if anybody does."""
    owners = (getattr(signal.getsignal(number), "__self__", None) for number in SIGNALS)
    return next((owner for owner in owners if isinstance(owner, Interrupts)), None)
