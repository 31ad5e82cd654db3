"""Processes of runs that die on a Ray cluster of two nodes."""

import os
import shutil
import tempfile

from tests.faults.trial import Trial
from tests.faults.workers import killed_by_their_recipe

SIZE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


def try_one(trial: Trial, n: int = 30) -> str | None:
    """Let processes die with a probability at each run."""
    import ray
    from ray.cluster_utils import Cluster

    for name in ("LD_PRELOAD", "RAY_ADDRESS"):
        os.environ.pop(name, None)
    os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="ray")  # the paths of sockets must be short
    cluster = Cluster(initialize_head=True, head_node_args=SIZE | {"include_dashboard": False})
    try:
        cluster.add_node(**SIZE)
        options = {"executor": "ray", "ray_address": cluster.address}
        return killed_by_their_recipe(trial, n, **options)
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(os.environ["RAY_TMPDIR"], ignore_errors=True)
