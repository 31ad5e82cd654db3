"""Runs in this process, or in several of this machine."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

import torch

from genbench.core.errors import ConfigError
from genbench.core.processes import NO_MAIN_GUARD
from genbench.runs.executors.schedule import Answer, Say, schedule
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


@dataclass
class Here:
    """This process as the only worker: a group is executed when its answer is asked for."""

    context: RunContext
    submitted: Group | None = None

    def has_room(self) -> bool:
        """Whether no group is submitted."""
        return self.submitted is None

    def submit(self, group: Group, *, wait: bool) -> None:
        """Keep a group until its answer is asked for."""
        self.submitted = group

    def next_answer(self) -> tuple[Group, Answer]:
        """Execute the group."""
        assert self.submitted is not None
        group, self.submitted = self.submitted, None
        return group, list(self.context.execute(group))


def run_here(
    context: RunContext, groups: Sequence[Group], say: Say
) -> Iterator[Iterable[RunRecord]]:
    """Execute runs one after the other in this process."""
    return schedule(Here(context), context, groups, say)


def run_in_processes(
    context: RunContext, groups: Sequence[Group], say: Say, jobs: int
) -> Iterator[Iterable[RunRecord]]:
    """Execute runs in ``jobs`` processes, which share the processor's cores.

    Raises:
        MainGuardError: The processes re-run the caller's script.
    """
    processes = _Processes()
    plan, *packed = packed_parts(context, groups)
    pool = ProcessPoolExecutor(
        jobs, processes, initializer=_start, initargs=(plan, threads_of(jobs))
    )
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


def threads_of(jobs: int) -> int:
    """Return the threads of each of so many processes."""
    return max(1, (os.cpu_count() or 1) // jobs)


def packed_parts(context: RunContext, groups: Sequence[Group]) -> list[Packed[Any]]:
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


def execute_alone(plan: Packed[RunPlan], threads: int, group: Packed[Group]) -> list[RunRecord]:
    """Execute a group in a process that may have another plan, or none."""
    if _plan != [plan]:
        _start(plan, threads)
    return _execute(group)
