"""A command in a process of its own, forked from one that has imported torch."""

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genbench import cli
from tests.faults import preload


@dataclass(frozen=True)
class Finished:
    """What a command answered, its seconds, and its system calls in the results folder."""

    code: int
    out: str
    err: str
    seconds: float
    calls: dict[str, int]

    def misbehaved(self, *codes: int) -> str | None:
        """Return what is wrong with an answer that should have one of these codes."""
        lines = self.err.splitlines()
        if self.code not in codes:
            return f"exit {self.code} instead of {' or '.join(map(str, codes))}: {lines[-9:]}"
        for text in ("Traceback", "internal error", "Error: "):
            if text in self.err:
                return f"exit {self.code}, but {text!r} in {lines[-9:]}"
        if self.code not in (0, 2) and not sum("genbench: " in line for line in lines) >= 1:
            return f"exit {self.code} without a word: {lines[-9:]}"
        return None


def call(argv: tuple, folder: Path, first: Callable[[], object], out: Path, err: Path) -> int:
    """Run a command in this process, its output in two files; return its exit code."""
    os.chdir(folder)
    for number, path in ((1, out), (2, err)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), number)
    try:
        first()
        return cli.main([str(a) for a in argv])
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 99
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def in_this_process(argv: tuple, folder: Path) -> Finished:
    """Run a command here, and return its answer."""
    out, err = folder / ".out", folder / ".err"
    began = time.monotonic()
    code = call(argv, folder, lambda: None, out, err)
    seconds = time.monotonic() - began
    texts = (path.read_text(errors="replace") for path in (out, err))
    return Finished(code, *texts, seconds, {})


class Command:
    """A command that runs in ``folder``; ``first`` is called in its process before it."""

    def __init__(self, argv: tuple, folder: Path, first: Callable[[], object]) -> None:
        self._stem = folder / f".command-{time.monotonic_ns()}"
        begun, begin = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            self._run(argv, folder, lambda: (first(), os.write(begin, b"!")))
        os.close(begin)
        os.read(begun, 1)
        os.close(begun)
        self.began = time.monotonic()

    def _run(self, argv: tuple, folder: Path, first: Callable[[], object]) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = call(argv, folder, first, self._file("out"), self._file("err"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        self._file("calls").write_text(json.dumps(preload.seen()))
        os._exit(code)

    def _file(self, name: str) -> Path:
        return self._stem.with_suffix(f".{name}")

    def _text(self, name: str) -> str:
        path = self._file(name)
        text = path.read_text(errors="replace") if path.exists() else ""
        path.unlink(missing_ok=True)
        return text

    def send(self, number: int) -> None:
        """Send a signal; the process is not yet collected, so its number is its own."""
        os.kill(self.pid, number)

    def over(self) -> bool:
        """Return whether the process has ended."""
        how = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.pid, how) is not None

    def wait(self) -> Finished:
        """Wait for the end; what bounds the time of a trial bounds it here."""
        _, status = os.waitpid(self.pid, 0)
        seconds = time.monotonic() - self.began
        out, err, calls = (self._text(name) for name in ("out", "err", "calls"))
        code = os.waitstatus_to_exitcode(status)
        return Finished(code, out, err, seconds, json.loads(calls or "{}"))
