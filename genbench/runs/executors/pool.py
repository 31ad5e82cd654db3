"""Worker processes of this machine, and the sockets to them."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import wait

from genbench.core.ahead import import_next, is_anything_ahead
from genbench.core.children import end, take
from genbench.core.errors import ConfigError
from genbench.core.processes import NO_MAIN_GUARD
from genbench.core.progress import show_beside
from genbench.core.texts import few
from genbench.runs.early import WORKER
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
        """Show what the processes do until one of them has an answer; meanwhile import ahead."""
        while True:
            look_s = 0.0 if is_anything_ahead() else LOOK_S
            if not wait([process.connection for process in self.busy], look_s):
                import_next()
            for process in self.busy:
                if (message := process.received()) is not None:
                    process.step = message.text if isinstance(message, Step) else ""
                    show_beside(few([p.step for p in self.busy if p.step]))
                    if not isinstance(message, Step):
                        return process.group, self._settled(process, message)

    def _settled(self, process: "_Process", message: Answer | Failure) -> Answer:
        self.busy.remove(process)
        if isinstance(message, Failure):
            end([process.child])
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
            end(process.child for process in (*self.busy, *self.free))


class _Process:
    """A worker process, the socket to it, and what it does."""

    def __init__(self, start: Start) -> None:
        try:
            self.child = take(WORKER)
        except OSError as error:
            raise ConfigError(f"{NO_START} {error}; with jobs=1 none starts") from error
        self.connection, self.popen = self.child.connection, self.child.popen
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
        end([self.child])
        return _death(self.popen.returncode)


def _death(code: int) -> Died:
    if code >= 0:
        return Died(f"ended with exit code {code}")
    hint = "the machine may be out of memory" if code == -signal.SIGKILL else ""
    return Died(f"was killed by signal {-code}", hint)
