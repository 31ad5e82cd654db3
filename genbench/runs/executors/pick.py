"""Chooses who executes the runs of a suite."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from genbench.core.errors import ConfigError, require_known
from genbench.core.progress import Say
from genbench.runs.executors.local import run_locally
from genbench.runs.executors.ray_cluster import require_sensible, run_on_ray
from genbench.runs.executors.schedule import Results
from genbench.runs.run_context import Group, RunContext
from genbench.runs.run_options import RunOptions

Executor = Callable[[RunContext, Sequence[Group], Say], AbstractContextManager[Results]]
"""Executes groups of runs, one at least, while its block lasts."""
_EXECUTORS: dict[str, Executor] = {"local": run_locally, "ray": run_on_ray}


def pick_executor(options: RunOptions) -> Executor:
    """Return the executor that the options name.

    Raises:
        ConfigError: It is unknown, or its options are wrong.
    """
    require_known(options.executor, _EXECUTORS, "executor: unknown executor")
    jobs = options.jobs
    if jobs != "auto" and (not isinstance(jobs, int) or jobs < 1):
        raise ConfigError(f"jobs: expected auto, or 1 or more processes, not {jobs}")
    if options.cpus_per_run < 1:
        raise ConfigError(f"cpus_per_run: expected 1 or more cores, not {options.cpus_per_run}")
    if options.executor == "ray":
        require_sensible(options)
    for name in ("gpus_per_run", "ray_address"):
        if options.executor != "ray" and getattr(options, name) is not None:
            raise ConfigError(f"{name}: needs executor 'ray'")
    return _EXECUTORS[options.executor]
