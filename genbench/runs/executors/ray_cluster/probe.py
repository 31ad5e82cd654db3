"""Checks before the first run that each node has what runs need."""

import pickle
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, GenbenchError, first_line
from genbench.core.files import write_atomic
from genbench.core.plugins import GROUPS, package_of
from genbench.data import DataConfig
from genbench.runs.executors.ray_cluster.answers import ready
from genbench.runs.executors.ray_cluster.demand import Node
from genbench.runs.executors.ray_cluster.parcel import Parcel
from genbench.runs.run_context import RunContext
from genbench.version import __version__

_LINES = 5
"""Nodes whose problem is told."""
_WAIT_S = 120.0
_UNSHARED = "sees another results folder: give --results on storage that all nodes share"


@dataclass(frozen=True)
class Mark:
    """What the driver wrote into the results folder, and what it has that nodes need as well.

    Attributes:
        folder: The results folder.
        nonce: Content of the driver's file, and part of the names of all files.
        versions: Of genbench, torch and the packages that register recipes, data sets or metrics.
        digests: Of the data sets of the runs.
    """

    folder: Path
    nonce: str
    versions: Mapping[str, str]
    digests: Mapping[DataConfig, str]

    def file(self, writer: str) -> Path:
        """Return the path of the file of the driver, or of a node."""
        return self.folder / f".ray-{self.nonce}-{writer}.tmp"


def require_ready(
    ray: Any, parcel: Any, folder: Path, digests: Mapping[DataConfig, str], nodes: Sequence[Node]
) -> None:
    """Check nodes, all at the same time.

    Args:
        ray: The package.
        parcel: Reference to the :class:`Parcel`.
        folder: The results folder.
        digests: Of the data sets of the runs.
        nodes: The nodes that can take a run.

    Raises:
        ConfigError: A node lacks something; names both.
    """
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    task = ray.remote(num_cpus=0, max_retries=0)(_probe())
    with _marked(folder, digests) as mark:
        content = pickle.dumps(mark)
        answers = [
            task.options(scheduling_strategy=affinity(node.id, soft=False)).remote(
                content, [parcel], node.id
            )
            for node in nodes
        ]
        found = [_problem(ray, mark, node, a) for node, a in zip(nodes, answers, strict=True)]
    if problems := list(filter(None, found)):
        raise ConfigError("\n".join(problems[:_LINES]))


def _probe() -> Callable[[bytes, list[Any], str], str]:
    """Return a function that Ray sends as it is, so that it also runs where genbench is missing."""

    def probe(mark: bytes, parcel: list[Any], node: str) -> str:
        try:
            from genbench.runs.executors.ray_cluster.probe import missing_here
        except ModuleNotFoundError as error:
            name = str(error.name)
            return f"lacks the package {name}" if "." not in name else f"has no {name}"
        return missing_here(mark, parcel, node)

    return probe


def missing_here(content: bytes, parcel: Sequence[Any], node: str) -> str:
    """Return what this node lacks, or nothing; leave a file with the driver's nonce."""
    ray: Any = import_module("ray")
    mark = pickle.loads(content)
    if problem := next(_differences(mark.versions, _versions()), ""):
        return problem
    try:
        if mark.file("driver").read_text(encoding="utf-8") != mark.nonce:
            return _UNSHARED
        write_atomic(mark.file(node), mark.nonce)
    except (OSError, GenbenchError):
        return _UNSHARED
    try:
        return _missing_data(mark, ray.get(parcel[0]))
    except GenbenchError as error:
        return first_line(error)


def _missing_data(mark: Mark, parcel: Parcel) -> str:
    context = RunContext(parcel.unpack(), "cpu")
    for config, digest in mark.digests.items():
        found = context.dataset(config).digest
        if found != digest:
            return f"has other data '{config.name}': expected {digest[:12]}, found {found[:12]}"
    return ""


@contextmanager
def _marked(folder: Path, digests: Mapping[DataConfig, str]) -> Iterator[Mark]:
    mark = Mark(folder, secrets.token_hex(8), _versions(), digests)
    write_atomic(mark.file("driver"), mark.nonce)
    try:
        yield mark
    finally:
        for path in folder.glob(f".ray-{mark.nonce}-*.tmp"):
            path.unlink(missing_ok=True)


def _problem(ray: Any, mark: Mark, node: Node, answer: Any) -> str:
    """Return a line about a node that lacks something; one that is lost meanwhile takes no run."""
    if not ready(ray, [answer], _WAIT_S):
        return f"{node} starts no process within {_WAIT_S:.0f} s"
    try:
        lacks = ray.get(answer)
    except (ray.exceptions.NodeDiedError, ray.exceptions.TaskUnschedulableError):
        return ""
    except ray.exceptions.RayError as error:
        lacks = f"cannot be checked: {str(error).strip().splitlines()[-1]}"
    if not lacks and not mark.file(node.id).exists():
        lacks = _UNSHARED
    return f"{node} {lacks}" if lacks else ""


def _versions() -> dict[str, str]:
    """Return the versions of packages that numbers depend on; one build of torch is as another."""
    entries = {package_of(entry): entry for group in GROUPS for entry in entry_points(group=group)}
    packages = {name: _version(entry) for name, entry in entries.items()}
    return {"genbench": __version__, "torch": version_of("torch").partition("+")[0], **packages}


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist else ""


def _differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    for package, version in ours.items():
        found = theirs.get(package)
        if found is None:
            yield f"lacks the package {package} {version}, which is installed here"
        elif found != version:
            yield f"has {package} {found}, this machine {version}"
