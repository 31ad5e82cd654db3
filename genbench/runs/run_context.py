"""The runs of a suite, and what each process needs to execute them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from genbench.core.devices import evaluation_device, narrow_remark, use_device
from genbench.core.errors import ConfigError, GenbenchError, StorageError, first_line
from genbench.core.estimate import UnusableError
from genbench.core.files import remove
from genbench.core.locks import locked, new_holder
from genbench.core.memory import return_freed_memory
from genbench.data import DataConfig, Dataset
from genbench.data.loaders import Images, load_images
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.room import require_room_for
from genbench.results.run_folder import CHECKPOINT, PROVENANCE, SPEC, RunFolder
from genbench.results.sealed_folder import MANIFEST
from genbench.runs.build import build, shapes_of
from genbench.runs.execute import JointOutcome, execute
from genbench.runs.joint_runs import joint_groups, train_jointly
from genbench.runs.read_run import EvaluationRequest, read_run
from genbench.runs.record import RunRecord, describe, failed, training_remark
from genbench.runs.room import require_room
from genbench.runs.run_options import RunOptions
from genbench.runs.spec import Run, RunSpec
from genbench.training.precision import slowness_remark, used_precision
from genbench.training.threads import threads_of_run, torch_as_started

Group = tuple[RunSpec, ...]


@dataclass(frozen=True)
class RunPlan:
    """All runs of a suite, with what they share."""

    suite: str
    specs: tuple[RunSpec, ...]
    request: EvaluationRequest
    options: RunOptions
    command: str = field(default_factory=new_holder)
    """Holds the locks of the runs that are executed."""


class RunContext:
    """A process's view of a plan: loads each data set once and executes runs one by one.

    Its device is that of the plan, or another one where workers have other devices.
    """

    def __init__(self, plan: RunPlan, device: str | None = None) -> None:
        self.plan = plan
        self.device = use_device(device or plan.options.device)
        self.home = evaluation_device(self.device)
        self._images: dict[DataConfig, Images] = {}

    def dataset(self, config: DataConfig) -> Dataset:
        """Return the data set, from memory after the first time; views share their images.

        Where runs are evaluated on another split, its test data are not read.
        """
        if config.images not in self._images:
            with_test = self.plan.request.split == SPLIT
            where = self.plan.options.data_dir, self.home
            self._images[config.images] = load_images(config, *where, with_test=with_test)
        return self._images[config.images].under(config)

    def run(self, spec: RunSpec) -> Run:
        """Return the run with its data and its folder."""
        dataset = self.dataset(spec.data)
        suite_folder = self.plan.options.results / self.plan.suite
        return Run(spec, dataset, RunFolder(suite_folder, spec.train_id(dataset.digest)))

    def preflight(self, specs: Iterable[RunSpec]) -> dict[str, str]:
        """Build each model once, to find mistakes before training starts.

        Returns:
            What users should know of a model's training, by its name.

        Raises:
            ConfigError: Options do not fit the recipe or the data.
            DataError: Data are missing or damaged.
        """
        each = {spec.name: spec for spec in specs}
        everywhere = narrow_remark(self.device)
        remarks = {name: f"{self.check(s)} {everywhere}".strip() for name, s in each.items()}
        return {name: remark for name, remark in remarks.items() if remark}

    def check(self, spec: RunSpec) -> str:
        """Check that a run and its evaluations fit in memory, and build its model once.

        Returns:
            What users should know of its training; mostly nothing.

        Raises:
            ConfigError: They do not, or options do not fit the recipe or the data.
            DataError: Data are missing or damaged.
        """
        dataset = self.dataset(spec.data)
        require_room(spec, shapes_of(dataset), self.device)
        n, n_pixels = dataset.size(self.plan.request.split), math.prod(dataset.image_shape)
        require_room_for(self.plan.request.tasks, n, n_pixels, self.home)
        try:
            built = build(spec, dataset)
        except UnusableError as error:  # while the suite runs, it would fail one run only
            raise ConfigError(f"model.{spec.name}.recipe: {error}") from error
        return self._remark(spec, describe(spec, dataset, built))

    def _remark(self, spec: RunSpec, description: Mapping[str, Any]) -> str:
        asked = spec.train.precision
        remark = training_remark(spec, description, used_precision(asked, self.device))
        slowness = "" if description["closed_form"] else slowness_remark(asked, self.device)
        return " ".join(filter(None, (remark, slowness)))

    def groups(self, specs: Sequence[RunSpec]) -> list[Group]:
        """Divide runs into groups, each executed in one process; only joint runs share a group."""
        return joint_groups(specs) if self.plan.options.together else [(spec,) for spec in specs]

    @torch_as_started()
    def execute(self, group: Group, *, wait: bool = True) -> list[RunRecord]:
        """Execute the runs of a group, trained as one computation where possible.

        Args:
            group: The runs.
            wait: Wait for runs that another command holds.

        Raises:
            HeldError: Another command holds one, and ``wait`` is false.
        """
        runs = [self.run(spec) for spec in group]
        cores = threads_of_run(self.device, self.plan.options.cpus_per_run)
        with self._locked(runs, wait=wait), cores:
            outcomes = train_jointly(runs, self.device)
            records = [self._execute(run, outcomes.get(run.folder.train_id)) for run in runs]
        return_freed_memory()
        return records

    @contextmanager
    def _locked(self, runs: Sequence[Run], *, wait: bool) -> Iterator[None]:
        """Hold the locks of runs, always taken in the same order; begin afresh where asked to.

        What this command itself has begun, in a process that died, is kept.
        """
        by_id = {run.folder.train_id: run.folder for run in runs}
        with ExitStack() as locks:
            for _, folder in sorted(by_id.items()):
                folder.make_place()
                before = locks.enter_context(locked(folder.path, self.plan.command, wait=wait))
                folder.clear_foreign()
                if self.plan.options.fresh and before != self.plan.command:
                    for name in (MANIFEST, CHECKPOINT, SPEC):
                        remove(folder / name)
            yield

    def _execute(self, run: Run, joint: JointOutcome | None) -> RunRecord:
        """Execute one run; an unexpected error, or the end of the program, fails only this run."""
        try:
            return execute(run, self.plan.request, self.device, joint)
        except GenbenchError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  a recipe can raise anything
            return self.failed(run.spec, f"{type(error).__name__}: {first_line(error)}")

    def train_id(self, spec: RunSpec) -> str:
        """Return the identity of a run, which is the name of its folder."""
        return spec.train_id(self.dataset(spec.data).digest)

    def survey(self, groups: Sequence[Group]) -> tuple[list[RunRecord], list[Group]]:
        """Return the records of the runs that need not be executed, and groups of the others."""
        known = {spec.label: self.finished(spec) for group in groups for spec in group}
        missing = [tuple(spec for spec in group if not known[spec.label]) for group in groups]
        return [*filter(None, known.values())], [*filter(None, missing)]

    def finished(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run that need not be executed, else None."""
        record = None if self.plan.options.fresh else self.stored(spec)
        if record:
            record.cached = True
        return record

    def latest(self, spec: RunSpec, record: RunRecord | None) -> RunRecord | None:
        """Return the record of a run as it is by now: another command may have repeated it."""
        if record and record.status != "failed":
            with suppress(StorageError):  # it is being repeated
                if self.run(spec).folder.read(PROVENANCE) == record.provenance:
                    return record
        return self.stored(spec) or record

    def failed(self, spec: RunSpec, reason: str) -> RunRecord:
        """Return the record of a run that was not finished."""
        run = self.run(spec)
        description: dict[str, Any] = {}
        with suppress(Exception):  # the build itself may be what fails
            description = describe(spec, run.dataset, build(spec, run.dataset))
        request = self.plan.request
        return failed(run, description, request.tasks, reason, request.split)

    def stored(self, spec: RunSpec) -> RunRecord | None:
        """Return the record of a run if it is stored with everything requested, else None."""
        return read_run(self.run(spec), self.plan.request)
