"""Servers that make trials at the same time."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.faults import preload

REPOSITORY = Path(__file__).parents[2]


IN_MEMORY = Path("/dev/shm")


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder for the files of trials, in memory where that is possible."""
    return tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None)


class Outcome(NamedTuple):
    """How a trial went."""

    kind: str
    number: int
    problem: str | None
    tried: int
    seconds: float


class Server:
    """A process that makes one trial after the other."""

    def __init__(self, shared: Path) -> None:
        environment = preload.environment(shared) if preload.compiler() else None
        command = [sys.executable, "-m", "tests.faults.server", str(shared)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY, env=environment
        )

    def make(self, kind: str, number: int) -> Outcome:
        """Make a trial."""
        began = time.monotonic()
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{kind} {number}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        problem, tried = json.loads(line) if line else ("the server of trials died", 1)
        return Outcome(kind, number, problem, tried, time.monotonic() - began)

    def close(self) -> None:
        """End it."""
        with self._process:  # closes its pipes and waits
            pass


@contextmanager
def server(shared: Path) -> Iterator[Server]:
    """Keep a server while the block runs."""
    shared.mkdir(parents=True, exist_ok=True)
    one = Server(shared)
    try:
        yield one
    finally:
        one.close()


def make_all(trials: Iterable[tuple[str, int]], shared: Path, jobs: int) -> Iterator[Outcome]:
    """Make trials with so many servers, and yield each outcome when it is there."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    done: queue.SimpleQueue = queue.SimpleQueue()
    for trial in trials:
        waiting.put(trial)
    n = waiting.qsize()

    def work(folder: Path) -> None:
        with server(folder) as one:
            while True:
                try:
                    done.put(one.make(*waiting.get_nowait()))
                except queue.Empty:
                    return

    for i in range(jobs):
        threading.Thread(target=work, args=(shared / f"server-{i}",), daemon=True).start()
    for _ in range(n):
        yield done.get()
