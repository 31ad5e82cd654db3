"""Runs in this process, or each in a worker process of this machine."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from genbench.core import processes
from genbench.core.devices import free_gpu_bytes
from genbench.core.errors import ConfigError
from genbench.core.locks import HeldError
from genbench.core.progress import Say
from genbench.runs.executors.messages import Start
from genbench.runs.executors.pool import Pool
from genbench.runs.executors.registered import SCRIPT, registering_modules
from genbench.runs.executors.schedule import Answer, Busy, Results, schedule
from genbench.runs.packed import Packed
from genbench.runs.references import keep_references
from genbench.runs.run_context import Group, RunContext
from genbench.training.threads import threads

ON_GPU = 4
"""Processes that share a GPU, at most: while one prepares its next run, another computes."""
CORES_BESIDE_GPU = 2
"""Cores for each of them."""
BYTES_ON_GPU = 8 * 2**30
"""Memory of the GPU for each of them: its CUDA context, and the chunks of an evaluation."""


@dataclass
class Here:
    """This process as the only worker: a group is executed when its answer is asked for."""

    context: RunContext
    submitted: tuple[Group, bool] | None = None

    def has_room(self) -> bool:
        """Whether no group is submitted."""
        return self.submitted is None

    def submit(self, group: Group, *, wait: bool) -> None:
        """Keep a group until its answer is asked for."""
        self.submitted = (group, wait)

    def next_answer(self) -> tuple[Group, Answer]:
        """Execute the group."""
        assert self.submitted is not None
        (group, wait), self.submitted = self.submitted, None
        try:
            return group, self.context.execute(group, wait=wait)
        except HeldError as error:
            return group, Busy(error.holder)


@contextmanager
def run_here(context: RunContext, groups: Sequence[Group], say: Say) -> Iterator[Results]:
    """Execute runs one after the other in this process."""
    yield schedule(Here(context), context, groups, say)


@contextmanager
def run_in_processes(
    context: RunContext, groups: Sequence[Group], say: Say, n: int
) -> Iterator[Results]:
    """Execute runs in ``n`` processes, which import what registered their recipes.

    This process has as many threads as each of them: threads of one that is kept waiting by
    another's wait for each other at each operation.

    Raises:
        ConfigError: A notebook registered something, which no other process can import.
        MainGuardError: The processes re-run the caller's script.
    """
    start = _start(context, groups, n)
    pool = Pool(context, n, start)
    try:
        pool.warm_up()
        with threads(start.threads):
            yield _scheduled(pool, context, groups, say)
    finally:
        pool.close()


def _scheduled(pool: Pool, context: RunContext, groups: Sequence[Group], say: Say) -> Results:
    """Compute with all cores what each process would need first, then execute the runs."""
    with threads(processes.cores()):
        keep_references(context, groups)
    yield from schedule(pool, context, groups, say)


def _start(context: RunContext, groups: Sequence[Group], n: int) -> Start:
    plan, options = replace(context.plan, specs=()), context.plan.options
    on_cpu = context.device.type == "cpu"
    n_threads = options.cpus_per_run if on_cpu else max(1, processes.cores() // n)
    modules = registering_modules(context, groups)
    script = processes.running_script() if SCRIPT in modules else None
    if SCRIPT in modules and not script:
        raise ConfigError(
            "jobs: what a notebook registers is known to its own process only: put it into a file"
            " and name that in plugins, or leave jobs out"
        )
    others = tuple(name for name in modules if name != SCRIPT)
    return Start(Packed.of(plan, options.plugins), n_threads, others, script)


def run_locally(
    context: RunContext, groups: Sequence[Group], say: Say
) -> AbstractContextManager[Results]:
    """Execute runs in as many processes as the options say, or in this one."""
    jobs = context.plan.options.jobs
    if jobs == 1 or (jobs == "auto" and is_best_here(context, groups)):
        return run_here(context, groups, say)
    return run_in_processes(context, groups, say, number_of_processes(context, groups))


def is_best_here(context: RunContext, groups: Sequence[Group]) -> bool:
    """Whether this process should execute the runs, where the options leave that open.

    It should on an accelerator that has no room for several, and where other processes would have
    to run the caller's script first, or cannot be given what it defines. Elsewhere a run that ends
    its process must not end the command.
    """
    if context.device.type != "cpu" and number_of_processes(context, groups) == 1:
        return True
    if SCRIPT in registering_modules(context, groups):
        return True
    return not _can_be_sent(context, groups)


def _can_be_sent(context: RunContext, groups: Sequence[Group]) -> bool:
    models = {spec.name: spec for group in groups for spec in group}
    try:
        Packed.of(replace(context.plan, specs=tuple(models.values())), ())
    except ConfigError:
        return False
    return True


def number_of_processes(context: RunContext, groups: Sequence[Group]) -> int:
    """Return how many processes to start: by default what cores and a GPU suffice for."""
    jobs, cpus = context.plan.options.jobs, context.plan.options.cpus_per_run
    if jobs != "auto":
        return min(jobs, len(groups))
    if context.device.type == "cpu":
        return min(max(1, processes.cores() // cpus), len(groups))
    room = (free_gpu_bytes(context.device) or 0) // BYTES_ON_GPU
    return max(1, min(ON_GPU, processes.cores() // CORES_BESIDE_GPU, room, len(groups)))
