"""Runs on a Ray cluster: connects, checks its nodes, and executes what is missing there."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from genbench.core.progress import Say
from genbench.data import data_home
from genbench.runs.executors.ray_cluster.connection import connected, import_ray
from genbench.runs.executors.ray_cluster.demand import demand_of, nodes_of
from genbench.runs.executors.ray_cluster.parcel import Parcel
from genbench.runs.executors.ray_cluster.probe import require_ready
from genbench.runs.executors.ray_cluster.workers import RayWorkers
from genbench.runs.executors.registered import registering_modules
from genbench.runs.executors.schedule import Results, schedule
from genbench.runs.run_context import Group, RunContext, RunPlan
from genbench.runs.spec import RunSpec


@contextmanager
def run_on_ray(context: RunContext, groups: Sequence[Group], say: Say) -> Iterator[Results]:
    """Execute runs on a Ray cluster that there is, or on one that is started for this call.

    Raises:
        ConfigError: Ray is not installed, the cluster does not answer, no node can take a run, or
            one lacks what runs need.
    """
    options, specs = context.plan.options, tuple(chain.from_iterable(groups))
    ray = import_ray()
    with connected(ray, options.ray_address):
        nodes = nodes_of(ray)
        demand = demand_of(options, nodes)
        plan = _absolute(replace(context.plan, specs=specs))
        modules = registering_modules(context, groups)
        parcel = ray.put(Parcel.of(plan, modules, ray.cloudpickle.dumps))
        both = zip(specs, plan.specs, strict=True)
        digests = {there.data: context.dataset(here.data).digest for here, there in both}
        able = [node for node in nodes if demand.fits(node)]
        require_ready(ray, parcel, plan.options.results, digests, able)
        workers = RayWorkers(ray, parcel, demand, options.jobs, say)
        try:
            yield schedule(workers, context, groups, say)
        finally:
            workers.end()


def _absolute(plan: RunPlan) -> RunPlan:
    """Return the plan with absolute paths: a node has another working directory.

    The data directory is the caller's if one is stated, else each node's own.
    """
    options = plan.options
    stated = options.data_dir or os.environ.get("GENBENCH_DATA_DIR")
    data_dir = data_home(options.data_dir).absolute() if stated else None
    options = replace(options, results=options.results.absolute(), data_dir=data_dir)
    return replace(plan, specs=tuple(map(_with_absolute_data, plan.specs)), options=options)


def _with_absolute_data(spec: RunSpec) -> RunSpec:
    if spec.data.path is None:
        return spec
    path = Path(spec.data.path).absolute()
    return replace(spec, data=spec.data.model_copy(update={"path": path}))
