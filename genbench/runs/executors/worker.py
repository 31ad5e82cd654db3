"""What a process does that executes runs, one group after the other, for the one that started it.

It ends with its parent: where the socket between them ends, so does the worker.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import FrameType
from typing import Any

import torch

from genbench.core.ahead import import_ahead, import_next, is_anything_ahead
from genbench.core.errors import ConfigError, ExitCode, GenbenchError, RunsFailedError, first_line
from genbench.core.locks import HeldError
from genbench.core.processes import import_script
from genbench.core.progress import report_to
from genbench.runs.executors.messages import Failure, Order, Start, Step
from genbench.runs.executors.schedule import Answer, Busy
from genbench.runs.run_context import Group, RunContext

GRACE_S = 2.0
"""A worker without a parent that does not stop by itself is killed after this time."""


class _TerminatedError(BaseException):
    """The parent ended, or wants this process to end."""


def main(handle: int, modules: Sequence[str] = ()) -> None:
    """Execute what arrives at a socket until it ends; import modules until something does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it concerns the parent, which decides
    os.set_inheritable(handle, False)
    connection: Connection[Any, Any] = Connection(handle)
    orders: SimpleQueue[Any] = SimpleQueue()
    with suppress(_TerminatedError):
        signal.signal(signal.SIGTERM, _terminate)
        threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
        report_to(lambda text: _send(connection, Step(text)))
        _send(connection, Step(""))  # started
        import_ahead(*modules)
        _work(connection, orders)
    os._exit(ExitCode.TERMINATED)


def _work(connection: "Connection[Any, Any]", orders: "SimpleQueue[Any]") -> None:
    worker = _Worker(orders.get())
    while True:
        while orders.empty() and is_anything_ahead():
            import_next()
        order: Order = orders.get()
        answer = worker.answer(order)
        try:
            _send(connection, answer)
        except Exception as error:  # noqa: BLE001  what a recipe put into it cannot be sent
            _send(connection, worker.failed(order, f"{type(error).__name__}: {first_line(error)}"))


def _send(connection: "Connection[Any, Any]", message: Step | Failure | Answer) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # without a parent the worker ends soon
        connection.send(message)


def _listen(connection: "Connection[Any, Any]", orders: "SimpleQueue[Any]") -> None:
    try:
        with suppress(EOFError, OSError):
            while True:
                orders.put(connection.recv())
    finally:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(GRACE_S)
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _terminate(signum: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _TerminatedError


class _Worker:
    """Executes groups; reads the plan when the first arrives, to report what is wrong with it."""

    def __init__(self, start: Start) -> None:
        torch.set_num_threads(start.threads)
        self._start = start
        self._context: RunContext | None = None

    @property
    def context(self) -> RunContext:
        """The plan, with the data that are loaded."""
        if self._context is None:
            if self._start.script:
                import_script(self._start.script)
            for name in self._start.modules:
                _import(name)
            self._context = RunContext(self._start.plan.unpack())
        return self._context

    def answer(self, order: Order) -> Answer | Failure:
        """Execute a group."""
        try:
            return self.context.execute(self._group(order), wait=order.wait)
        except HeldError as error:
            return Busy(error.holder)
        except GenbenchError as error:
            return Failure.of(error)
        except Exception as error:  # noqa: BLE001  the parent says so
            text = f"internal error: {type(error).__name__}: {first_line(error)}"
            return Failure.of(RunsFailedError(text))

    def failed(self, order: Order, reason: str) -> Answer:
        """Return failed records for a group."""
        return [self.context.failed(spec, reason) for spec in self._group(order)]

    def _group(self, order: Order) -> Group:
        _ = self.context  # its plugins
        return order.group.unpack()


def _import(module: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        raise ConfigError(f"jobs: a worker process cannot import {module}: {error}") from error
