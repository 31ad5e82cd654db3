"""Draws the figures of a report in several processes, while this one makes the next."""

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from matplotlib.figure import Figure

from genbench.core.children import Child, end
from genbench.core.processes import cores
from genbench.reporting.figures import drawing
from genbench.reporting.figures.style import settings, styled, written

MOST = 8
"""Processes beside this one; more would have nothing to do."""
FEW = 8
"""So many figures are drawn here sooner than a process has started."""


class _Task:
    """A figure to draw; ``there`` ends when a process was asked, ``png`` is what came of it.

    One that holds a function of ours is drawn here: a process would have to import as much as this
    one has.
    """

    def __init__(self, figure: Figure, path: Path) -> None:
        self.figure, self.pickled, self.path = figure, pickle.dumps(figure), path
        self.is_ours = b"genbench." in self.pickled
        self.there: Future[None] | None = None
        self.png: bytes | None = None

    def write(self, files: tuple[bytes, bytes]) -> None:
        """Write the files of the figure, which is needed no longer."""
        self.png = written(files, self.path)
        del self.figure, self.pickled


class Drawers:
    """Processes that draw finished figures; with none, figures are drawn here, at once.

    The bytes are the same whoever draws. What a process fails at is drawn here again, so that
    errors and warnings are those of this process.
    """

    def __init__(self, n: int = 0) -> None:
        self._n, self._settings = n, settings()
        self._tasks: list[_Task] = []
        self._threads = ThreadPoolExecutor(max(1, n), initializer=self._start)
        self._of_thread = threading.local()
        self._children: list[Child] = []
        self._closed = False

    @classmethod
    def of_this_machine(cls) -> Self:
        """One for each core, this process among them."""
        return cls(min(MOST, cores() - 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        end(self._children)
        self._threads.shutdown()

    def draw(self, figure: Figure, path: Path) -> Callable[[], bytes]:
        """Write a figure as PNG and PDF, now or later; return what waits for the PNG.

        Args:
            figure: Finished: it does not change from here on.
            path: Of the files, without what their names end in.
        """
        if self._n:
            with suppress(AttributeError, TypeError, pickle.PicklingError):  # drawn at once
                self._tasks.append(_Task(figure, path))
                return partial(self._png_of, self._handed_out())
        png = written(drawing.files_of(figure), path)
        return lambda: png

    def finish(self) -> None:
        """Draw here what no process has begun, the last first, and wait for the others."""
        for task in reversed(self._tasks):
            self._png_of(task)

    def _handed_out(self) -> _Task:
        """Return the last task, after all were given to processes where that is worth it."""
        if len(self._tasks) >= FEW:
            with suppress(RuntimeError):  # no thread can be started
                for task in self._tasks:
                    if not task.is_ours:
                        task.there = task.there or self._threads.submit(self._there, task)
        return self._tasks[-1]

    def _png_of(self, task: _Task) -> bytes:
        if task.there is not None and not task.there.cancel():
            task.there.result()
        if task.png is None:
            with styled():
                task.write(drawing.files_of(task.figure))
        assert task.png is not None
        return task.png

    def _start(self) -> None:
        """Start the process of a thread."""
        with suppress(OSError, ValueError):  # none can be started: all is drawn here
            child = Child.start(drawing.__file__, quiet=True)
            self._children.append(child)
            if self._closed:
                end([child])
            child.connection.send(self._settings)
            self._of_thread.connection = child.connection

    def _there(self, task: _Task) -> None:
        """Let the process of this thread draw, if it can."""
        files = None  # drawing it failed
        with suppress(AttributeError, EOFError, OSError):  # it did not start, or died
            connection = self._of_thread.connection
            connection.send_bytes(task.pickled)
            files = connection.recv()
        if files is not None:
            task.write(files)
