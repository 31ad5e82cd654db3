"""What a run needs, and which nodes of a cluster have it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genbench.core.errors import ConfigError, require_known
from genbench.runs.run_options import RunOptions

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Node:
    """A node that is alive, with all that it has, whether free or not."""

    id: str
    address: str
    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"node {self.address} ({self.id[:6]})"


@dataclass(frozen=True)
class Demand:
    """CPUs and GPUs of one run."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        gpus = f" and {_amount(self.gpus, 'GPU')}" if self.gpus else ""
        return _amount(self.cpus, "CPU") + gpus

    def fits(self, node: Node) -> int:
        """Return how many runs a node takes at the same time; a run has its share of one GPU."""
        by_cpus = math.floor(node.cpus / self.cpus)
        if not self.gpus:
            return by_cpus
        if self.gpus >= 1:
            return min(by_cpus, math.floor(node.gpus / self.gpus))
        return min(by_cpus, math.floor(node.gpus) * math.floor(1 / self.gpus + 1e-9))


def nodes_of(ray: Any) -> list[Node]:
    """Return the nodes of the cluster that are alive."""
    return [
        Node(
            node["NodeID"],
            node["NodeManagerAddress"],
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def demand_of(options: RunOptions, nodes: Sequence[Node]) -> Demand:
    """Return what a run needs; where the options leave it open, a GPU if the cluster has one.

    Raises:
        ConfigError: The options contradict each other, or no node has as much.
    """
    gpus = options.gpus_per_run
    if gpus is None:
        has_gpus = any(node.gpus >= 1 for node in nodes)
        gpus = float(options.device == "cuda" or (options.device == "auto" and has_gpus))
    demand = Demand(options.cpus_per_run, gpus)
    if not any(demand.fits(node) for node in nodes):
        raise ConfigError(f"a run needs {demand}; {_largest(demand, nodes)}")
    return demand


def require_sensible(options: RunOptions) -> None:
    """Check the options that concern a cluster.

    Raises:
        ConfigError: The device is unknown or has a number, or a share of GPUs makes no sense.
    """
    device, gpus = options.device, options.gpus_per_run
    if ":" in device:
        raise ConfigError("device: with --executor ray, Ray chooses the GPUs: use --device cuda")
    require_known(device, DEVICES, "device: unknown device")
    if gpus is None:
        return
    if not 0 <= gpus < math.inf or (gpus > 1 and gpus % 1):
        raise ConfigError(f"gpus_per_run: expected a share such as 0.25, or whole GPUs, not {gpus}")
    if device == "cuda" and not gpus:
        raise ConfigError("gpus_per_run: 0 leaves no GPU for --device cuda")
    if device in ("cpu", "mps") and gpus:
        raise ConfigError(f"gpus_per_run: a run on --device {device} uses no GPU of Ray")


def _largest(demand: Demand, nodes: Sequence[Node]) -> str:
    """Describe the node that comes nearest."""
    if not nodes:
        return "the cluster has no node"
    node = max(nodes, key=lambda node: (min(node.gpus, demand.gpus), node.cpus))
    gpus = f" and {_amount(node.gpus, 'GPU')}" if demand.gpus else ""
    which = "the only node has" if len(nodes) == 1 else "the largest node has"
    return f"{which} {_amount(node.cpus, 'CPU')}{gpus}"


def _amount(n: float, what: str) -> str:
    return f"{n:g} {what}{'s' if n > 1 else ''}" if n else f"no {what}"
