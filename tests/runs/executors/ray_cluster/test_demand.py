"""What a run needs is held against what nodes have, before anything waits for it."""

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors.ray_cluster.demand import (
    Demand,
    Node,
    demand_of,
    nodes_of,
    require_sensible,
)
from genbench.runs.run_options import RunOptions


def node(cpus, gpus=0):
    return Node("0123456789", "10.0.0.2", cpus, gpus)


@pytest.mark.parametrize(
    ("cpus", "gpus", "has", "fits"),
    [
        (1, 0, (4, 0), 4),
        (4, 0, (1, 8), 0),
        (3, 0, (8, 0), 2),
        (1, 1, (16, 2), 2),
        (1, 0.25, (16, 2), 8),
        (1, 0.1, (16, 1), 10),
        (1, 0.6, (16, 2), 2),
        (1, 2, (16, 3), 1),
        (1, 0.25, (2, 1), 2),
        (1, 0.5, (4, 0), 0),
    ],
)
def test_a_node_takes_so_many_runs(cpus, gpus, has, fits):
    assert Demand(cpus, gpus).fits(node(*has)) == fits


@pytest.mark.parametrize(
    ("options", "nodes", "message"),
    [
        (
            {"cpus_per_run": 4},
            [node(1), node(2)],
            "a run needs 4 CPUs; the largest node has 2 CPUs",
        ),
        (
            {"cpus_per_run": 4, "gpus_per_run": 0.25},
            [node(1)],
            "a run needs 4 CPUs and 0.25 GPU; the only node has 1 CPU and no GPU",
        ),
        (
            {"device": "cuda"},
            [node(64), node(1)],
            "a run needs 1 CPU and 1 GPU; the largest node has 64 CPUs and no GPU",
        ),
        ({}, [], "a run needs 1 CPU; the cluster has no node"),
    ],
)
def test_demand_that_no_node_can_meet_is_named_with_the_largest_node(options, nodes, message):
    with pytest.raises(ConfigError) as error:
        demand_of(RunOptions(**options), nodes)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("device", "nodes", "gpus"),
    [
        ("auto", [node(4), node(4, 1)], 1),
        ("auto", [node(4)], 0),
        ("cpu", [node(4, 1)], 0),
        ("cuda", [node(4, 1)], 1),
    ],
)
def test_a_run_gets_a_gpu_where_the_workers_device_is_one(device, nodes, gpus):
    assert demand_of(RunOptions(device=device), nodes) == Demand(1, gpus)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:1"}, r"^device: .* Ray chooses the GPUs: use --device cuda$"),
        ({"device": "gpu"}, r"^device: unknown device 'gpu'; "),
        ({"gpus_per_run": -1.0}, r"^gpus_per_run: expected .* not -1\.0$"),
        ({"gpus_per_run": 1.5}, r"^gpus_per_run: expected .* not 1\.5$"),
        ({"gpus_per_run": float("nan")}, r"^gpus_per_run: expected .* not nan$"),
        ({"gpus_per_run": float("inf")}, r"^gpus_per_run: expected .* not inf$"),
        ({"device": "cuda", "gpus_per_run": 0.0}, r"^gpus_per_run: 0 leaves no GPU"),
        ({"device": "cpu", "gpus_per_run": 0.5}, r"^gpus_per_run: .* uses no GPU"),
    ],
)
def test_options_that_make_no_sense_on_a_cluster_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        require_sensible(RunOptions(**options))


@pytest.mark.parametrize(
    "options",
    [{}, {"device": "cuda", "gpus_per_run": 0.25}, {"gpus_per_run": 2.0}, {"gpus_per_run": 0.0}],
)
def test_sensible_options_pass(options):
    require_sensible(RunOptions(**options))


def test_only_nodes_that_are_alive_count():
    class Ray:
        @staticmethod
        def nodes():
            known = {"NodeManagerAddress": "10.0.0.2", "Resources": {"CPU": 2.0}}
            return [known | {"NodeID": "a", "Alive": True}, known | {"NodeID": "b", "Alive": False}]

    assert nodes_of(Ray) == [Node("a", "10.0.0.2", 2.0, 0.0)]
