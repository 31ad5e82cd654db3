"""What a Ray worker does: one group of runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from genbench.core.errors import GenbenchError
from genbench.core.locks import HeldError
from genbench.core.progress import report_to
from genbench.runs.executors.messages import Failure
from genbench.runs.executors.ray_cluster.parcel import Parcel
from genbench.runs.executors.schedule import Answer, Busy
from genbench.runs.run_context import RunContext

Name = tuple[str, int]
"""A run by its model and seed: what it is made of travels with the plan."""


@dataclass(frozen=True)
class Started:
    """A worker has begun with a group."""

    node: str


def execute(
    parcel: Parcel, names: Sequence[Name], wait: bool
) -> Iterator[Started | Failure | Answer]:
    """Yield that this worker has begun, and then its answer.

    Args:
        parcel: The plan.
        names: The runs of a group.
        wait: Whether to wait for runs that other commands hold.
    """
    ray: Any = import_module("ray")
    node = ray.util.get_node_ip_address()
    yield Started(node)
    report_to(lambda _: None)
    try:
        context = _context(parcel, has_gpu=bool(ray.get_gpu_ids()))
        specs = {(spec.name, spec.seed): spec for spec in context.plan.specs}
        yield context.execute(tuple(specs[name] for name in names), wait=wait)
    except HeldError as error:
        yield Busy(error.holder)
    except GenbenchError as error:
        yield Failure.of(error)


_contexts: dict[tuple[str, bool], RunContext] = {}


def _context(parcel: Parcel, *, has_gpu: bool) -> RunContext:
    """Return the context of a plan; a worker keeps that of its last one."""
    key = (parcel.digest, has_gpu)
    if key not in _contexts:
        _contexts.clear()
        plan = parcel.unpack()
        device = plan.options.device
        _contexts[key] = RunContext(plan, "cpu" if device == "auto" and not has_gpu else device)
    return _contexts[key]
