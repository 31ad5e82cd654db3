"""Runs on a Ray cluster: connection, demand, what travels, checks of the nodes, tasks."""

from genbench.runs.executors.ray_cluster.demand import require_sensible
from genbench.runs.executors.ray_cluster.run import run_on_ray

__all__ = ["require_sensible", "run_on_ray"]
