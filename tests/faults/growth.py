"""Hundreds of runs in one process: memory, handles and threads do not grow."""

import gc
import os
from pathlib import Path

from tests.faults.kills import RUN
from tests.faults.trial import Trial

WARM = 4
"""Commands until everything is loaded and every cache is filled."""
COMMANDS = (3, 87)
"""Of three runs each; few in the first trial, many in the second."""
MEGABYTES = 20.0
"""What the allocator may hold more: a leaked model, data set or table for each run is more."""


def try_one(trial: Trial) -> str | None:
    """Train everything again and again."""
    first = None
    for n in range(WARM + COMMANDS[trial.number % 2]):
        answer = trial.answer(*RUN, "--fresh")
        if problem := answer.misbehaved(0):
            return problem
        trial.tried += answer.err.count(": done")
        first = _held() if n + 1 == WARM else first
    last = _held()
    grown = {name: last[name] - first[name] for name in last if last[name] > first[name]}
    few = grown.pop("megabytes", 0) <= MEGABYTES and grown.pop("objects", 0) < 2000
    return None if few and not grown else f"grown from {first} to {last}"


def _held() -> dict[str, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "handles": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "objects": len(gc.get_objects()),
    }
