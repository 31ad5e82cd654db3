"""A process that has imported torch and forks one process per trial.

Importing torch takes seconds and forking milliseconds. One line in, ``KIND NUMBER``, gives one line
out, as JSON: what went wrong, or null, and how many faults were made.
"""

import ctypes
import gc
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path

import torch._dynamo  # noqa: F401  what a run imports late

import genbench.cli
import genbench.reporting
import genbench.suites.run
import genbench.training.loop  # noqa: F401
from tests.faults.descendants import descendants
from tests.faults.kinds import KINDS
from tests.faults.trial import Trial

PR_SET_CHILD_SUBREAPER = 36
SECONDS_TO_END = 3.0


def answer(kind: str, number: int, shared: Path) -> tuple[str | None, int]:
    """Make a trial in a process and a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-{number}-", dir=shared))
    told, tell = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(told)
        _be_a_trial(kind, number, folder, shared, tell)
    os.close(tell)
    try:
        return _collect(pid, told, KINDS[kind].seconds)
    finally:
        os.close(told)
        shutil.rmtree(folder, ignore_errors=True)


def _be_a_trial(kind: str, number: int, folder: Path, shared: Path, tell: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become ours
    silence = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):
        os.dup2(silence, handle)
    trial = Trial(kind, number, folder, shared)
    try:
        problem = KINDS[kind].try_one(trial) or left_over()
    except BaseException:  # noqa: BLE001  a trial that raises has failed
        problem = traceback.format_exc()
    os.write(tell, json.dumps([problem, trial.tried]).encode())
    os._exit(0)


def _collect(pid: int, told: int, seconds: float) -> tuple[str | None, int]:
    ready, _, _ = select.select([told], [], [], seconds)
    text = os.read(told, 1 << 16) if ready else b""
    for each in [*descendants(pid), pid]:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not ready:
        return f"still running after {seconds:g} s", 1
    return json.loads(text) if text else ("the trial's own process died", 1)


def left_over() -> str | None:
    """Return which processes a trial has left, after a moment to end."""
    until = time.monotonic() + SECONDS_TO_END
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        time.sleep(0.02)
    commands = [Path(f"/proc/{each}/cmdline").read_bytes()[:80] for each in left]
    return f"left running: {commands}" if left else None


def main() -> None:
    """Answer line by line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no answer
    gc.freeze()  # else the first collection of each trial would copy all that is shared with it
    for line in sys.stdin:
        kind, number = line.split()
        print(json.dumps(answer(kind, int(number), Path(sys.argv[1]))), file=answers, flush=True)
    os._exit(0)  # nothing here is worth the time of an orderly end


if __name__ == "__main__":
    main()
