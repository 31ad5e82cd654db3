"""Runs on a Ray cluster."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from genbench.core.errors import ConfigError
from genbench.core.processes import cores
from genbench.runs.executors.schedule import Results, Say
from genbench.runs.packed import Packed
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group, RunContext, RunPlan


@contextmanager
def run_on_ray(context: RunContext, groups: Sequence[Group], say: Say) -> Iterator[Results]:
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
    options = context.plan.options
    if not ray.is_initialized():
        ray.init(num_cpus=cores(), include_dashboard=False, log_to_driver=False)
    gpus = 1 if context.device.type == "cuda" else 0
    remote = ray.remote(num_cpus=options.cpus_per_run, num_gpus=gpus)(_execute)
    plan, *packed = (Packed.of(part, options.plugins) for part in (context.plan, *groups))

    def results() -> Iterator[Iterable[RunRecord]]:
        waiting = [remote.remote(plan, group) for group in packed]
        while waiting:
            ready, waiting = ray.wait(waiting)
            yield from ray.get(ready)

    yield results()


def _execute(plan: Packed[RunPlan], group: Packed[Group]) -> list[RunRecord]:
    return RunContext(plan.unpack()).execute(group.unpack())
