"""Runs commands in this process, and in real processes that a test may kill.

Importing torch takes seconds, so the processes to be killed are forked from one server that has
imported it and nothing else.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench import cli

TINY = """
title = "Tiny"

[data]
name = "digits"
binarisation = "dynamic"
limit = 100

[train]
epochs = 6
batch_size = 20

[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "linear_gaussian"
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = ["elbo", "iw_log_likelihood", "kl_per_dim", "log_likelihood", "reconstruction_mse"]
iw_log_likelihood = { n_samples = 5, chunk_size = 5 }
"""

SERVER = """
import json, os, signal, sys, traceback
import genbench.cli, genbench.suites.run, genbench.training.loop, genbench.reporting
import sklearn.datasets, torch._dynamo  # what a run imports late
import genbench.runs.executors.local

# Runs stay in the process of their command, so that what a job changes first concerns them too.
genbench.runs.executors.local.is_best_here = lambda *_: True

for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(job["cwd"])
        for name, number in (("stdout", 1), ("stderr", 2)):
            os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = 99
        try:
            exec(job["first"], {})
            code = genbench.cli.main(job["argv"])
        except SystemExit as stopped:
            code = stopped.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    print("ended", flush=True)
    sys.stdin.readline()  # until here the number of the process belongs to no other
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@dataclass
class Finished:
    """What a command answered."""

    code: int
    out: str
    err: str


class Running:
    """A command in a process of its own."""

    def __init__(self, server: subprocess.Popen, job: dict) -> None:
        self._server, self._job, self._over = server, job, False
        self._tell(json.dumps(job))
        self.pid = int(server.stdout.readline())

    def _tell(self, line: str) -> None:
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()

    def _code(self) -> int:
        assert self._server.stdout.readline() == "ended\n"
        self._tell("collect")
        self._over = True
        return int(self._server.stdout.readline())

    def send(self, number: int) -> None:
        """Send a signal; without effect on a process that has ended."""
        os.kill(self.pid, number)

    def end(self) -> None:
        """Leave nothing behind that the next command of the server would meet."""
        if not self._over:
            self.send(signal.SIGKILL)
            self._code()

    def wait(self, seconds: float = 120) -> Finished:
        ready, _, _ = select.select([self._server.stdout], [], [], seconds)
        if not ready:
            self.end()
            raise AssertionError(f"still running after {seconds} s")
        return Finished(
            self._code(),
            Path(self._job["stdout"]).read_text(),
            Path(self._job["stderr"]).read_text(),
        )

    def wait_for(self, appears, seconds: float = 120) -> None:
        """Wait until ``appears()`` is true; the process must still be at work then."""
        until = time.monotonic() + seconds
        while not appears():
            assert time.monotonic() < until, Path(self._job["stderr"]).read_text()
            time.sleep(0.002)


@pytest.fixture(scope="session")
def server():
    """A process that has imported torch and forks one process per command."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="session")
def kinds():
    """The classes of this file, for fixtures of other files."""
    return Place, Running


@pytest.fixture
def start(server, place):
    """Start a command: ``start("run", ..., first="python to run before")``."""
    begun = []

    def begin(*argv, first: str = "") -> Running:
        files = {name: str(place.folder / name) for name in ("stdout", "stderr")}
        job = {"argv": argv, "cwd": str(place.folder), "first": first, **files}
        begun.append(Running(server, job))
        return begun[-1]

    yield begin
    for running in begun:
        running.end()


class Place:
    """A folder with a suite file in it, where commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.suite = "tiny.toml"
        (folder / self.suite).write_text(TINY)

    def edit(self, old: str, new: str) -> None:
        path = self.folder / self.suite
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def state(self) -> dict[str, tuple[int, bytes]]:
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(self.results.rglob("[!.]*"))
            if path.is_file()
        }

    def numbers(self) -> dict[str, bytes]:
        """Return what must not depend on when, where or how often a run was stopped."""
        told = ("metrics.csv", "history.csv", "metrics.json", "spec.json", ".safetensors")
        return {k: v[1] for k, v in self.state().items() if k.endswith(told)}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    """A folder of its own, as the working directory."""
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def command(capsys, monkeypatch):
    """Run a command in this process: ``command("run", ...)`` returns code, stdout and stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*argv: str) -> Finished:
        capsys.readouterr()
        try:
            code = cli.main([str(a) for a in argv])
        except SystemExit as stopped:
            code = stopped.code
        found = capsys.readouterr()
        assert "Traceback" not in found.out + found.err or "--debug" in argv
        return Finished(code, found.out, found.err)

    yield call
    signal.signal(signal.SIGTERM, before)
