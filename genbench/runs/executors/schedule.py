"""Which run is submitted when, and what becomes of one whose process dies; for every executor."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from genbench.core.progress import Say
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group, RunContext
from genbench.runs.spec import RunSpec

MAX_TRIES = 3


@dataclass(frozen=True)
class Died:
    """The process of a group ended without an answer.

    ``reason`` goes on after *its process*: ``was killed by signal 9``. ``hint`` may explain it.
    """

    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Busy:
    """Another command holds the lock of a run: ``host, process 123``."""

    holder: str


Answer = list[RunRecord] | Died | Busy
Results = Iterator[Iterable[RunRecord]]
"""The records of one group after the other, as they are ready."""


class Workers(Protocol):
    """Processes of this machine, or tasks of a cluster, that execute groups of runs."""

    def has_room(self) -> bool:
        """Whether another group can be submitted now."""

    def submit(self, group: Group, *, wait: bool) -> None:
        """Begin to execute a group; with ``wait``, wait for runs that other commands hold."""

    def next_answer(self) -> tuple[Group, Answer]:
        """Wait until any group is done.

        Raises:
            GenbenchError: A worker met an error that concerns the whole suite.
        """


def schedule(workers: Workers, context: RunContext, groups: Sequence[Group], say: Say) -> Results:
    """Execute groups of runs; yield records as they are ready.

    What is stored is only read, and a run that has several rows in a suite is executed once. A run
    whose process died is tried three times in all, the last time alone, and then failed. A run that
    another command holds is left until the others are done. A run with an assumption waits for the
    training that it shares.

    Args:
        workers: Execute the groups.
        context: Reads what is stored.
        groups: The runs.
        say: Called with a line when a process died, and when another command holds a run.

    Raises:
        GenbenchError: A worker met an error that concerns the whole suite.
    """
    rows: dict[str, list[RunSpec]] = {}
    for spec in chain.from_iterable(groups):
        rows.setdefault(context.train_id(spec), []).append(spec)
    missing = set()
    for first, *others in rows.values():
        if stored := context.finished(first):
            yield [replace(stored, spec=spec) for spec in (first, *others)]
        else:
            missing.add(first.label)
    scheduled = _Schedule(workers, context, say)
    for group in groups:
        scheduled.add([spec for spec in group if spec.label in missing])
    for records in scheduled.results():
        yield [replace(r, spec=spec) for r in records for spec in rows[r.train_id]]


@dataclass(frozen=True)
class _Job:
    """A group on its way: how often its process died, whether it waits for other commands.

    ``runs`` are the train_ids of the group, ``bases`` those of trainings that it shares.
    """

    group: Group
    runs: frozenset[str]
    bases: frozenset[str]
    deaths: int = 0
    wait: bool = False

    @property
    def alone(self) -> bool:
        """Whether nothing else may run: memory taken by neighbours is not its fault."""
        return self.deaths == MAX_TRIES - 1


class _Schedule:
    """Jobs that wait, that run, that are tried alone, and that other commands hold."""

    def __init__(self, workers: Workers, context: RunContext, say: Say) -> None:
        self.workers, self.context, self.say = workers, context, say
        self.waiting: list[_Job] = []
        self.running: list[_Job] = []
        self.last_tries: list[_Job] = []
        self.held: list[_Job] = []
        self.unfinished: set[str] = set()
        self.told: set[str] = set()

    def add(self, specs: Sequence[RunSpec]) -> None:
        """Add a group, unless it is empty."""
        if specs:
            self.waiting.append(self._job(tuple(specs)))
            self.unfinished |= self.waiting[-1].runs

    def _job(self, group: Group, deaths: int = 0, *, wait: bool = False) -> _Job:
        train_id = self.context.train_id
        runs = frozenset(map(train_id, group))
        bases = frozenset(train_id(spec.base) for spec in group if spec.assume)
        return _Job(group, runs, bases - runs, deaths, wait)

    def results(self) -> Iterator[list[RunRecord]]:
        """Yield the records of each group that is done."""
        while self._submit():
            group, answer = self.workers.next_answer()
            job = next(job for job in self.running if job.group == group)
            self.running.remove(job)
            match answer:
                case Busy(holder):
                    self._put_aside(job, holder)
                case Died():
                    yield from self._try_again(job, answer)
                case records:
                    self.unfinished -= job.runs
                    yield records

    def _submit(self) -> bool:
        """Submit what may run now; return whether anything runs."""
        while self.workers.has_room() and (job := self._next()):
            self.running.append(job)
            self.workers.submit(job.group, wait=job.wait)
        return bool(self.running)

    def _next(self) -> _Job | None:
        """Take the next job: one that waits, else a last try, else what others hold."""
        if any(job.alone for job in self.running):
            return None
        job = self._take(self.waiting)
        if job or self.running:
            return job
        if job := self._take(self.last_tries):
            return job
        self.waiting, self.held = [*self.waiting, *self.held], []
        return self._take(self.waiting)

    def _take(self, queue: list[_Job]) -> _Job | None:
        """Take the first job of a queue that shares no training which is yet to be done."""
        for i, job in enumerate(queue):
            if job.bases.isdisjoint(self.unfinished):
                return queue.pop(i)
        return None

    def _put_aside(self, job: _Job, holder: str) -> None:
        if holder not in self.told:
            self.told.add(holder)
            what = job.group[0].label
            self.say(f"{what}: another command runs it ({holder}); waiting for it at the end")
        self.held.append(replace(job, wait=True))

    def _try_again(self, job: _Job, died: Died) -> Iterator[list[RunRecord]]:
        """Divide a group whose process died into runs to try again; fail a run after three."""
        deaths = job.deaths + 1
        if deaths == MAX_TRIES:
            self.unfinished -= job.runs
            reason = f"its process {died.reason}, {deaths} times{died.hint and f'; {died.hint}'}"
            yield [self.context.failed(spec, reason) for spec in job.group]
            return
        self.say(f"{job.group[0].label}: its process {died.reason}; trying again")
        parts = [self._job((spec,), deaths, wait=job.wait) for spec in job.group]
        if parts[0].alone:
            self.last_tries += parts
        else:
            self.waiting[:0] = parts
