"""Python processes that this one starts, and the sockets to them; imports nothing heavy."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True, eq=False)
class Child:
    """A process in a session of its own, and the socket to it, which closes with this object."""

    popen: "subprocess.Popen[bytes]"
    connection: "Connection[Any, Any]"

    @classmethod
    def start(cls, *program: str, arguments: Sequence[str] = (), quiet: bool = False) -> "Child":
        """Start ``python PROGRAM HANDLE ARGUMENTS`` with the handle of a socket.

        It finds the modules that this process finds, and prints on standard error, or nowhere.

        Raises:
            OSError: It cannot be started.
        """
        ours, theirs = socket.socketpair()
        connection: Connection[Any, Any] = Connection(ours.detach())
        paths = os.pathsep.join(map(os.path.abspath, sys.path))
        with theirs:
            popen = subprocess.Popen(
                [sys.executable, "-P", *program, str(theirs.fileno()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if quiet else _standard_error(),
                stderr=subprocess.DEVNULL if quiet else None,
                env=os.environ | {"PYTHONPATH": paths},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return cls(popen, connection)


def end(children: Iterable[Child]) -> None:
    """End processes, and what they have started; all at once, since each takes a moment."""
    ending = list(children)
    for child in ending:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.popen.pid, signal.SIGKILL)
    for child in ending:
        child.popen.wait()


_early: dict[str, list[Child]] = {}


@contextmanager
def started_early(module: str, n: int, *arguments: str) -> Iterator[None]:
    """Start processes of a module that the block will :func:`take`; end those that are left."""
    children = _early.setdefault(module, [])
    try:
        with suppress(OSError):  # whoever takes one tries again, and reports
            while len(children) < n:
                children.append(Child.start("-m", module, arguments=arguments))
        yield
    finally:
        end(_early.pop(module))


def take(module: str) -> Child:
    """Return a process that runs a module: one that was started early, else a new one.

    Raises:
        OSError: It cannot be started.
    """
    early = _early.get(module)
    return early.pop() if early else Child.start("-m", module)


def _standard_error() -> int:
    """Return where children print: what a recipe prints is no result."""
    try:
        os.fstat(2)
    except OSError:  # in a daemon
        return subprocess.DEVNULL
    return 2
