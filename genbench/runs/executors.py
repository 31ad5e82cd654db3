"""Who executes runs: this process, several of them, or a Ray cluster."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from genbench.core.errors import ConfigError, GenbenchError, did_you_mean
from genbench.core.progress import progress
from genbench.data import DataConfig, Dataset, load
from genbench.evaluation.runner import Task, make_task
from genbench.recipes import load_plugins
from genbench.results.run_folder import CHECKPOINT, SPEC, RunFolder
from genbench.results.sealed_folder import MANIFEST
from genbench.runs.build import build
from genbench.runs.execute import Trained, execute
from genbench.runs.provenance import pick_device
from genbench.runs.read_run import EvaluationRequest, read_run
from genbench.runs.record import RunRecord, describe, failed
from genbench.runs.spec import RunSpec
from genbench.runs.together import groups, train_together

Group = tuple[RunSpec, ...]


@dataclass(frozen=True)
class Plan:
    """Runs with everything that is the same for all of them."""

    suite: str
    specs: tuple[RunSpec, ...]
    tasks: tuple[tuple[str, Mapping[str, Any]], ...]
    figures: tuple[str, ...]
    results_dir: Path
    data_dir: Path | None = None
    device: str = "auto"
    fresh: bool = False
    together: bool = False

    def evaluations(self) -> list[Task]:
        """Return the tasks with their evaluators."""
        return [make_task(name, options) for name, options in self.tasks]

    def wanted(self) -> EvaluationRequest:
        """Return what is asked of each run once it is trained."""
        return EvaluationRequest(self.evaluations(), self.figures)


class Bench:
    """A process's view of a plan: data sets loaded once, runs executed one by one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.device = pick_device(plan.device)
        self._datasets: dict[DataConfig, Dataset] = {}

    def dataset(self, config: DataConfig) -> Dataset:
        """Return the data set, from memory after the first time."""
        if config not in self._datasets:
            self._datasets[config] = load(config, self.plan.data_dir, self.device)
        return self._datasets[config]

    def folder(self, spec: RunSpec) -> RunFolder:
        """Return where the run is stored."""
        train_id = spec.train_id(self.dataset(spec.data).digest)
        return RunFolder(self.plan.results_dir / self.plan.suite, train_id)

    def preflight(self) -> None:
        """Build every model once, so that a mistake is found before the first minute of training.

        Raises:
            ConfigError: Options do not fit the recipe or the data.
            DataError: Data are missing or damaged.
        """
        for spec in {s.name: s for s in self.plan.specs}.values():
            build(spec, self.dataset(spec.data))

    def groups(self, specs: Sequence[RunSpec]) -> list[Group]:
        """Divide runs into those that are executed in one go: each alone unless asked otherwise."""
        return groups(specs) if self.plan.together else [(spec,) for spec in specs]

    def execute(self, group: Group) -> Iterator[RunRecord]:
        """Execute runs of a group, trained together where there are several that can be."""
        folders = [self.folder(spec) for spec in group]
        if self.plan.fresh:
            for folder in folders:
                for name in (MANIFEST, CHECKPOINT, SPEC):
                    (folder / name).unlink(missing_ok=True)
        dataset = self.dataset(group[0].data)
        trained = train_together(group, dataset, folders, self.device)
        for spec, folder in zip(group, folders, strict=True):
            yield self._execute(spec, folder, trained.get(folder.train_id))

    def _execute(self, spec: RunSpec, folder: RunFolder, trained: Trained | None) -> RunRecord:
        """Execute one run; an unexpected error fails this run and no other."""
        dataset, wanted = self.dataset(spec.data), self.plan.wanted()
        try:
            return execute(spec, dataset, folder, wanted, self.device, trained)
        except (GenbenchError, OSError):
            raise
        except Exception as error:  # noqa: BLE001  a recipe of the user's own can raise anything
            description = self._described(spec)
            return failed(spec, folder.train_id, dataset, description, wanted.tasks, error)

    def _described(self, spec: RunSpec) -> dict[str, Any]:
        """Describe a run that failed; nothing where it is the building that fails."""
        dataset = self.dataset(spec.data)
        try:
            return describe(spec, dataset, build(spec, dataset))
        except Exception:  # noqa: BLE001  as above
            return {}

    def stored(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run that is stored with every evaluation, or None."""
        dataset, folder = self.dataset(spec.data), self.folder(spec)
        return read_run(spec, dataset, folder, self.plan.wanted())


def run_here(bench: Bench, specs: Sequence[RunSpec]) -> Iterator[RunRecord]:
    """Execute runs one after the other in this process."""
    with progress(specs, bench.plan.suite, "run", leave=True) as done:
        for group in bench.groups(specs):
            for record in bench.execute(group):
                done.update()
                yield record


def run_in_processes(bench: Bench, specs: Sequence[RunSpec], jobs: int) -> Iterator[RunRecord]:
    """Execute runs in ``jobs`` processes, which share the processor's cores between them."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    arguments = (bench.plan, threads)
    with ProcessPoolExecutor(jobs, context, initializer=_start, initargs=arguments) as pool:
        futures = [pool.submit(_execute, group) for group in bench.groups(specs)]
        try:
            with progress(specs, bench.plan.suite, "run", leave=True) as done:
                for future in as_completed(futures):
                    done.update(len(future.result()))
                    yield from future.result()
        except BaseException:
            _stop(pool)
            raise


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers now: what they have not finished is resumed by the next call."""
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in multiprocessing.active_children():
        worker.terminate()


def run_on_ray(bench: Bench, specs: Sequence[RunSpec], jobs: int) -> Iterator[RunRecord]:
    """Execute runs on a Ray cluster, or on a local one that is started for it.

    Every node must see the results and data folders under the same paths.

    Raises:
        ConfigError: Ray is not installed.
    """
    try:
        ray = import_module("ray")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "executor: 'ray' needs the package ray: python -m pip install 'genbench[ray]'"
        ) from error
    threads = max(1, (os.cpu_count() or 1) // jobs)
    if not ray.is_initialized():
        ray.init(num_cpus=jobs * threads, include_dashboard=False, log_to_driver=False)
    gpus = 1 if bench.device.type == "cuda" else 0
    remote = ray.remote(num_cpus=threads, num_gpus=gpus)(_execute_alone)
    waiting = [remote.remote(bench.plan, threads, group) for group in bench.groups(specs)]
    with progress(specs, bench.plan.suite, "run", leave=True) as done:
        while waiting:
            ready, waiting = ray.wait(waiting)
            for records in ray.get(ready):
                done.update(len(records))
                yield from records


_worker: list[Bench] = []


def _start(plan: Plan, threads: int) -> None:
    torch.set_num_threads(threads)
    load_plugins()
    _worker[:] = [Bench(plan)]


def _execute(group: Group) -> list[RunRecord]:
    return list(_worker[0].execute(group))


def _execute_alone(plan: Plan, threads: int, group: Group) -> list[RunRecord]:
    if not _worker or _worker[0].plan != plan:
        _start(plan, threads)
    return _execute(group)


Executor = Callable[[Bench, Sequence[RunSpec]], Iterator[RunRecord]]


def pick_executor(name: str, jobs: int) -> Executor:
    """Return the executor for a name and a number of parallel runs.

    Raises:
        ConfigError: Unknown name, or fewer than one job.
    """
    if name not in ("local", "ray"):
        known = did_you_mean(name, ("local", "ray"))
        raise ConfigError(f"executor: unknown executor '{name}'; {known}")
    if jobs < 1:
        raise ConfigError(f"jobs: {jobs} is not a number of processes; use 1 or more")
    if name == "ray":
        return partial(run_on_ray, jobs=jobs)
    return run_here if jobs == 1 else partial(run_in_processes, jobs=jobs)
