"""Executors: runs in this process, in several, or on a Ray cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib import import_module
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

import torch

from genbench.core.errors import ConfigError, require_known
from genbench.core.processes import NO_MAIN_GUARD
from genbench.runs.packed import Packed
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group, RunContext, RunPlan


class MainGuardError(ConfigError):
    """A script starts processes outside ``if __name__ == "__main__":``."""


class _Processes(SpawnContext):
    """Spawns processes and keeps track of them: only these are ours to end."""

    def __init__(self) -> None:
        self.spawned: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        self.spawned.append(SpawnProcess(*args, **kwargs))
        return self.spawned[-1]

    def terminate(self) -> None:
        """End them now; the next call resumes unfinished runs."""
        for process in self.spawned:
            if process.is_alive():
                process.terminate()


Executor = Callable[[RunContext, Sequence[Group]], Iterable[Iterable[RunRecord]]]
"""Executes groups of runs; yields the records of a group as soon as they are ready."""


def run_here(context: RunContext, groups: Sequence[Group]) -> Iterator[Iterable[RunRecord]]:
    """Execute runs one after the other in this process."""
    return map(context.execute, groups)


def run_in_processes(
    context: RunContext, groups: Sequence[Group], jobs: int
) -> Iterator[Iterable[RunRecord]]:
    """Execute runs in ``jobs`` processes, which share the processor's cores.

    Raises:
        MainGuardError: The processes re-run the caller's script.
    """
    processes = _Processes()
    plan, *packed = _packed(context, groups)
    pool = ProcessPoolExecutor(jobs, processes, initializer=_start, initargs=(plan, _threads(jobs)))
    with pool:
        try:
            for future in as_completed([pool.submit(_execute, group) for group in packed]):
                yield future.result()
        except BrokenProcessPool as error:
            pool.shutdown()
            if any(process.exitcode == NO_MAIN_GUARD for process in processes.spawned):
                raise MainGuardError(
                    f"jobs: {jobs} processes import this script and would start it again; "
                    'put the call below `if __name__ == "__main__":`'
                ) from error
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.terminate()
            raise


def _threads(jobs: int) -> int:
    return max(1, (os.cpu_count() or 1) // jobs)


def run_on_ray(
    context: RunContext, groups: Sequence[Group], jobs: int
) -> Iterator[Iterable[RunRecord]]:
    """Execute runs on a Ray cluster, or on a local one started for this call.

    Every node must see results, data and plugins under the same paths.

    Raises:
        ConfigError: Ray is not installed, or a GPU is named by its number.
    """
    if ":" in str(context.plan.options.device):
        raise ConfigError("device: with --executor ray, Ray chooses the GPUs: use --device cuda")
    try:
        ray = import_module("ray")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "executor: 'ray' needs the package ray: python -m pip install 'genbench[ray]'"
        ) from error
    (plan, *packed), threads = _packed(context, groups), _threads(jobs)
    if not ray.is_initialized():
        ray.init(num_cpus=jobs * threads, include_dashboard=False, log_to_driver=False)
    gpus = 1 if context.device.type == "cuda" else 0
    remote = ray.remote(num_cpus=threads, num_gpus=gpus)(_execute_alone)
    waiting = [remote.remote(plan, threads, group) for group in packed]
    while waiting:
        ready, waiting = ray.wait(waiting)
        yield from ray.get(ready)


def _packed(context: RunContext, groups: Sequence[Group]) -> list[Packed[Any]]:
    """Return the plan and then the groups, for processes that have not loaded its plugins."""
    return [Packed.of(part, context.plan.options.plugins) for part in (context.plan, *groups)]


_plan: list[Packed[RunPlan]] = []
_worker: list[RunContext] = []


def _start(plan: Packed[RunPlan], threads: int) -> None:
    torch.set_num_threads(threads)
    _plan[:], _worker[:] = [plan], []


def _execute(group: Packed[Group]) -> list[RunRecord]:
    if not _worker:
        _worker.append(RunContext(_plan[0].unpack()))
    return list(_worker[0].execute(group.unpack()))


def _execute_alone(plan: Packed[RunPlan], threads: int, group: Packed[Group]) -> list[RunRecord]:
    if _plan != [plan]:
        _start(plan, threads)
    return _execute(group)


def pick_executor(name: str, jobs: int) -> Executor:
    """Return the executor for a name and a number of parallel runs.

    Raises:
        ConfigError: Unknown name, or fewer than one job.
    """
    require_known(name, ("local", "ray"), "executor: unknown executor")
    if jobs < 1:
        raise ConfigError(f"jobs: expected 1 or more processes, not {jobs}")
    if name == "ray":
        return partial(run_on_ray, jobs=jobs)
    return run_here if jobs == 1 else partial(run_in_processes, jobs=jobs)
