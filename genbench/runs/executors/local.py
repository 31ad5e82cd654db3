"""Runs in this process, or each in a worker process of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from genbench.core import processes
from genbench.core.errors import ConfigError
from genbench.core.locks import HeldError
from genbench.core.progress import show_beside
from genbench.runs.executors.messages import Failure, Order, Start, Step
from genbench.runs.executors.registered import SCRIPT, registering_modules
from genbench.runs.executors.schedule import Answer, Busy, Died, Results, Say, schedule
from genbench.runs.packed import Packed
from genbench.runs.run_context import Group, RunContext

LOOK_S = 0.5
"""A worker whose own children hold its socket open is missed after this time."""
GRACE_S = 1.5
"""Workers have this time to save what they do when the parent is interrupted."""


class MainGuardError(ConfigError):
    """A script starts processes outside ``if __name__ == "__main__":``."""


@dataclass
class Here:
    """This process as the only worker: a group is executed when its answer is asked for."""

    context: RunContext
    submitted: tuple[Group, bool] | None = None

    def has_room(self) -> bool:
        """Whether no group is submitted."""
        return self.submitted is None

    def submit(self, group: Group, *, wait: bool) -> None:
        """Keep a group until its answer is asked for."""
        self.submitted = (group, wait)

    def next_answer(self) -> tuple[Group, Answer]:
        """Execute the group."""
        assert self.submitted is not None
        (group, wait), self.submitted = self.submitted, None
        try:
            return group, self.context.execute(group, wait=wait)
        except HeldError as error:
            return group, Busy(error.holder)


class Processes:
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
                if message := process.received():
                    process.step = message.text if isinstance(message, Step) else ""
                    show_beside(", ".join(p.step for p in self.busy if p.step))
                    if not isinstance(message, Step):
                        return process.group, self._settled(process, message)

    def _settled(self, process: "_Process", message: Answer | Failure) -> Answer:
        self.busy.remove(process)
        if isinstance(message, Failure):
            process.kill()
            raise message.error()
        if isinstance(message, Died):
            self._require_guard(process)
        else:
            self.free.append(process)
        return message

    def _require_guard(self, process: "_Process") -> None:
        if process.popen.returncode == processes.NO_MAIN_GUARD:
            raise MainGuardError(
                f"jobs: {self.n} processes import this script and would start it again; "
                'put the call below `if __name__ == "__main__":`'
            )

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
        argv = [sys.executable, "-P", "-m", "genbench.runs.executors.worker", str(theirs.fileno())]
        with theirs:
            self.popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=_standard_error(),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.group: Group = ()
        self.step = ""
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
                return message
            if not self._has_ended():
                return None
        self.kill()
        return _death(self.popen.returncode)

    def _has_ended(self) -> bool:
        """Whether it has; until it is waited for, its number belongs to no other process."""
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.popen.pid, look) is not None

    def kill(self) -> None:
        """End the process, and what it has started."""
        self.connection.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


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


@contextmanager
def run_here(context: RunContext, groups: Sequence[Group], say: Say) -> Iterator[Results]:
    """Execute runs one after the other in this process."""
    yield schedule(Here(context), context, groups, say)


@contextmanager
def run_in_processes(
    context: RunContext, groups: Sequence[Group], say: Say, n: int
) -> Iterator[Results]:
    """Execute runs in ``n`` processes, which import what registered their recipes.

    Raises:
        ConfigError: A notebook registered something, which no other process can import.
        MainGuardError: The processes re-run the caller's script.
    """
    workers = Processes(context, n, _start(context, groups, n))
    try:
        workers.warm_up()
        yield schedule(workers, context, groups, say)
    finally:
        workers.close()


def _start(context: RunContext, groups: Sequence[Group], n: int) -> Start:
    plan, options = replace(context.plan, specs=()), context.plan.options
    on_cpu = context.device.type == "cpu"
    threads = options.cpus_per_run if on_cpu else max(1, processes.cores() // n)
    modules = registering_modules(context, groups)
    script = processes.running_script() if SCRIPT in modules else None
    if SCRIPT in modules and not script:
        raise ConfigError(
            "jobs: what a notebook registers is known to its own process only: put it into a file"
            " and name that in plugins, or leave jobs out"
        )
    others = tuple(name for name in modules if name != SCRIPT)
    return Start(Packed.of(plan, options.plugins), threads, others, script)


def run_locally(
    context: RunContext, groups: Sequence[Group], say: Say
) -> AbstractContextManager[Results]:
    """Execute runs in as many processes as the options say, and in this one if that is one."""
    n = min(len(groups), number_of_processes(context, groups))
    return run_here(context, groups, say) if n == 1 else run_in_processes(context, groups, say, n)


def number_of_processes(context: RunContext, groups: Sequence[Group]) -> int:
    """Return the number of runs at the same time.

    Where the options leave it open, it is what the cores suffice for. It is 1 on an accelerator,
    which one run fills, and where other processes would have to run the caller's script first.
    """
    options = context.plan.options
    if options.jobs != "auto":
        return options.jobs
    if context.device.type != "cpu" or SCRIPT in registering_modules(context, groups):
        return 1
    return max(1, processes.cores() // options.cpus_per_run)
