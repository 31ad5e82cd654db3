"""Groups of runs as tasks of a Ray cluster."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from genbench.core.errors import RunsFailedError
from genbench.core.progress import Say, show_beside
from genbench.runs.executors.messages import Failure
from genbench.runs.executors.ray_cluster.answers import as_raised, ready
from genbench.runs.executors.ray_cluster.demand import Demand, nodes_of
from genbench.runs.executors.ray_cluster.task import Started, execute
from genbench.runs.executors.schedule import Answer, Died
from genbench.runs.run_context import Group

_LOOK_S = 1.0
_COUNT_S = 10.0
"""How often the nodes are counted: clusters grow and shrink."""
_BUSY_S = 15.0
"""After this time in which no run has begun, users are told what is waited for."""
_GRACE_S = 1.2
"""What tasks get at an interrupt to save and end."""


@dataclass
class _Task:
    """A group that is submitted; ``node`` is where it runs, once it does."""

    group: Group
    stream: Any
    node: str = ""


class RayWorkers:
    """Executes groups as tasks, which Ray gives to nodes as these become free."""

    def __init__(self, ray: Any, parcel: Any, demand: Demand, jobs: int | str, say: Say) -> None:
        self.ray, self.parcel, self.demand, self.jobs, self.say = ray, parcel, demand, jobs, say
        self.remote = ray.remote(num_cpus=demand.cpus, num_gpus=demand.gpus, max_retries=0)(execute)
        self.tasks: list[_Task] = []
        self.counted, self.room = -_COUNT_S, 0
        self.begun = time.monotonic()

    def has_room(self) -> bool:
        """Whether fewer groups are submitted than may be.

        By default that is twice as many as the nodes take: a cluster that grows must see demand.
        """
        if isinstance(self.jobs, int):
            return len(self.tasks) < self.jobs
        if (now := time.monotonic()) > self.counted + _COUNT_S:
            self.room = 2 * max(1, sum(map(self.demand.fits, nodes_of(self.ray))))
            self.counted = now
        return len(self.tasks) < self.room

    def submit(self, group: Group, *, wait: bool) -> None:
        """Submit a task."""
        if not self.tasks:
            self.begun = time.monotonic()
        names = [(spec.name, spec.seed) for spec in group]
        self.tasks.append(_Task(group, self.remote.remote(self.parcel, names, wait)))

    def next_answer(self) -> tuple[Group, Answer]:
        """Wait until any task is done or has died.

        Raises:
            GenbenchError: A worker met an error that concerns the whole suite; names the node.
        """
        while True:
            for task in self._ready(self.tasks, _LOOK_S):
                item = self._next(task)
                if isinstance(item, Started):
                    task.node, self.begun = item.node, time.monotonic()
                    continue
                self.tasks.remove(task)
                if isinstance(item, Failure):
                    raise replace(item, text=f"node {task.node}: {item.text}").error()
                return task.group, item
            self._show()

    def end(self) -> None:
        """Cancel what is submitted: runs save and end, or are ended a moment later."""
        for task in self.tasks:
            self._cancel(task, force=False)
        ends = {task.stream.completed(): task for task in self.tasks}
        left = self.ray.wait(list(ends), num_returns=len(ends), timeout=_GRACE_S)[1] if ends else []
        for end in left:
            self._cancel(ends[end], force=True)
        self.tasks.clear()

    def _cancel(self, task: _Task, *, force: bool) -> None:
        with suppress(self.ray.exceptions.RayError, ValueError):
            self.ray.cancel(task.stream, force=force)

    def _ready(self, tasks: Iterable[_Task], timeout: float) -> list[_Task]:
        """Return the tasks that have something to say, at the latest after ``timeout`` seconds."""
        by_stream = {task.stream: task for task in tasks}
        try:
            streams = ready(self.ray, list(by_stream), timeout)
        except self.ray.exceptions.RayError as error:
            raise RunsFailedError("the cluster is gone; run the same command to resume") from error
        return [by_stream[stream] for stream in streams]

    def _next(self, task: _Task) -> Started | Failure | Answer:
        errors = self.ray.exceptions
        where = f"on node {task.node}" if task.node else "before it began"
        try:
            with as_raised():
                item: Started | Failure | Answer = self.ray.get(next(task.stream))
            return item
        except errors.NodeDiedError:
            return Died(
                f"was lost with node {task.node}" if task.node else "was lost with its node"
            )
        except errors.OutOfMemoryError:
            return Died(f"was ended by Ray {where}", "the node had no memory left")
        except errors.RayTaskError as error:
            if isinstance(error.cause, errors.TaskCancelledError):
                return Died(f"was cancelled {where}")
            raise RunsFailedError(f"internal error {where}: {_last_line(error)}") from error
        except errors.RayError:
            return Died(f"ended {where}")

    def _show(self) -> None:
        """Say how many runs are executed, and how many wait."""
        running = sum(bool(task.node) for task in self.tasks)
        show_beside(f"{running} running, {len(self.tasks) - running} waiting")
        waits = not running
        if waits and time.monotonic() > self.begun + _BUSY_S:
            n = len(self.tasks)
            runs = "a run waits" if n == 1 else f"{n} runs wait"
            self.say(f"the cluster is busy: {runs}, each for {self.demand}")
            self.begun = float("inf")


def _last_line(error: BaseException) -> str:
    """Return the last line of an error of Ray's, which holds the traceback of a worker."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
