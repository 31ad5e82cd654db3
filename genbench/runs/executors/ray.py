"""Runs on a Ray cluster."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module

from genbench.core.errors import ConfigError
from genbench.runs.executors.local import execute_alone, packed_parts, threads_of
from genbench.runs.executors.schedule import Say
from genbench.runs.record import RunRecord
from genbench.runs.run_context import Group, RunContext


def run_on_ray(
    context: RunContext, groups: Sequence[Group], say: Say, jobs: int
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
    (plan, *packed), threads = packed_parts(context, groups), threads_of(jobs)
    if not ray.is_initialized():
        ray.init(num_cpus=jobs * threads, include_dashboard=False, log_to_driver=False)
    gpus = 1 if context.device.type == "cuda" else 0
    remote = ray.remote(num_cpus=threads, num_gpus=gpus)(execute_alone)
    waiting = [remote.remote(plan, threads, group) for group in packed]
    while waiting:
        ready, waiting = ray.wait(waiting)
        yield from ray.get(ready)
