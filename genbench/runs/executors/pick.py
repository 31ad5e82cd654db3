"""Chooses who executes the runs of a suite."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Literal

from genbench.core.errors import ConfigError, require_known
from genbench.runs.executors.local import run_here, run_in_processes
from genbench.runs.executors.ray import run_on_ray
from genbench.runs.executors.schedule import Say
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group, RunContext

Executor = Callable[[RunContext, Sequence[Group], Say], Iterable[Iterable[RunRecord]]]
"""Executes groups of runs; yields the records of a group as soon as they are ready."""


def pick_executor(name: str, jobs: int | Literal["auto"]) -> Executor:
    """Return the executor for a name and a number of parallel runs.

    Raises:
        ConfigError: Unknown name, or fewer than one job.
    """
    require_known(name, ("local", "ray"), "executor: unknown executor")
    n = 1 if jobs == "auto" else jobs
    if n < 1:
        raise ConfigError(f"jobs: expected 1 or more processes, not {n}")
    if name == "ray":
        return partial(run_on_ray, jobs=n)
    return run_here if n == 1 else partial(run_in_processes, jobs=n)
