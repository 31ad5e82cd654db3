"""Worker processes of this machine, and the sockets to them."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from genbench.core.errors import ConfigError
from genbench.core.processes import NO_MAIN_GUARD
from genbench.core.progress import show_beside
from genbench.core.texts import few
from genbench.runs.executors.messages import Failure, Order, Start, Step
from genbench.runs.executors.schedule import Answer, Died
from genbench.runs.packed import Packed
from genbench.runs.run_context import Group, RunContext

LOOK_S = 0.5
"""A worker whose own children hold its socket open is missed after this time."""
GRACE_S = 1.5
"""Workers have this time to save what they do when the parent is interrupted."""
NO_START = "jobs: a worker process does not start:"


class MainGuardError(ConfigError):
    """A script starts processes outside ``if __name__ == "__main__":``."""


class Pool:
    """Worker processes of this machine: started when needed, replaced when they die."""

    def __init__(self, context: RunContext, n: int, start: Start) -> None:
        self.plugins, self.n, self.start = context.plan.options.plugins, n, start
        self.free: list[_Process] = []
        self.busy: list[_Process] = []

    def warm_up(self) -> None:
        """Start all: their imports take seconds, in which this process has other things to do."""
        while len(self.free) + len(self.busy) < self.n:
            self.free.append(_Process(self.start))

    def has_room(self) -> bool:
        """Whether fewer groups are executed than there may be processes."""
        return len(self.busy) < self.n

    def submit(self, group: Group, *, wait: bool) -> None:
        """Give a group to a process."""
        process = self.free.pop(0) if self.free else _Process(self.start)
        self.busy.append(process)
        process.begin(group, Order(Packed.of(group, self.plugins), wait))

    def next_answer(self) -> tuple[Group, Answer]:
        """Show what the processes do until one of them has an answer."""
        while True:
            wait([process.connection for process in self.busy], LOOK_S)
            for process in self.busy:
                if (message := process.received()) is not None:
                    process.step = message.text if isinstance(message, Step) else ""
                    show_beside(few([p.step for p in self.busy if p.step]))
                    if not isinstance(message, Step):
                        return process.group, self._settled(process, message)

    def _settled(self, process: "_Process", message: Answer | Failure) -> Answer:
        self.busy.remove(process)
        if isinstance(message, Failure):
            process.kill()
            raise message.error()
        if isinstance(message, Died):
            self._require_start(process, message)
        else:
            self.free.append(process)
        return message

    def _require_start(self, process: "_Process", died: Died) -> None:
        """Raise an error where every process would end likewise, so that no other try helps."""
        code = process.popen.returncode
        if code == NO_MAIN_GUARD and self.start.script:
            raise MainGuardError(
                f"jobs: {self.n} processes import this script and would start it again; "
                'put the call below `if __name__ == "__main__":`'
            )
        if code >= 0 and not process.started:
            raise ConfigError(f"{NO_START} {sys.executable} {died.reason}; with jobs=1 none starts")

    def close(self) -> None:
        """End all processes; those at work have a moment to save what they do."""
        try:
            for process in self.busy:
                process.popen.terminate()
            until = time.monotonic() + GRACE_S
            for process in self.busy:
                with suppress(subprocess.TimeoutExpired):
                    process.popen.wait(max(0.0, until - time.monotonic()))
        finally:
            for process in (*self.busy, *self.free):
                process.kill()


class _Process:
    """A worker process, the socket to it, and what it does."""

    def __init__(self, start: Start) -> None:
        ours, theirs = socket.socketpair()
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        with theirs:
            self.popen = _start_python(theirs.fileno())
        self.group: Group = ()
        self.step = ""
        self.started = False
        self._send(start)

    def begin(self, group: Group, order: Order) -> None:
        """Execute a group."""
        self.group = group
        self._send(order)

    def _send(self, message: Start | Order) -> None:
        with suppress(OSError):  # it died: that is found when its answer is asked for
            self.connection.send(message)

    def received(self) -> Step | Answer | Failure | None:
        """Return what the process has said, if anything, or that it died."""
        with suppress(EOFError, OSError):
            if self.connection.poll():
                message: Step | Answer | Failure = self.connection.recv()
                self.started = True
                return message
            if self.popen.poll() is None:
                return None
        self.kill()
        return _death(self.popen.returncode)

    def kill(self) -> None:
        """End the process, and what it has started."""
        self.connection.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


def _start_python(handle: int) -> "subprocess.Popen[bytes]":
    """Start a worker, which finds the modules that this process finds."""
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "genbench.runs.executors.worker", str(handle)],
            stdin=subprocess.DEVNULL,
            stdout=_standard_error(),
            env=os.environ | {"PYTHONPATH": paths},
            pass_fds=[handle],
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(f"{NO_START} {error}; with jobs=1 none starts") from error


def _death(code: int) -> Died:
    if code >= 0:
        return Died(f"ended with exit code {code}")
    hint = "the machine may be out of memory" if code == -signal.SIGKILL else ""
    return Died(f"was killed by signal {-code}", hint)


def _standard_error() -> int:
    """Return where workers print: what a recipe prints is no result."""
    try:
        os.fstat(2)
    except OSError:  # in a daemon
        return subprocess.DEVNULL
    return 2
