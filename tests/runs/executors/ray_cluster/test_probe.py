"""A node says in one line what it lacks."""

import pickle
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from genbench.data import DataConfig, load
from genbench.runs.executors.ray_cluster import probe
from genbench.runs.executors.ray_cluster.parcel import Parcel
from genbench.runs.executors.ray_cluster.probe import Mark, missing_here
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunPlan
from genbench.runs.run_options import RunOptions

DIGITS = DataConfig(name="digits")


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """What a driver would have that lacks nothing; this process stands in for the node."""
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference))
    mark = Mark(tmp_path, "0f", probe._versions(), {DIGITS: digest()})
    mark.file("driver").write_text("0f")
    return mark


def digest():
    return load(DIGITS).digest


def lacks(mark, modules=()):
    plan = RunPlan("tiny", (), EvaluationRequest((), ()), RunOptions())
    return missing_here(pickle.dumps(mark), [Parcel.of(plan, modules)], "node")


def test_a_node_that_lacks_nothing_leaves_the_nonce_of_the_driver(mark):
    assert lacks(mark) == ""
    assert mark.file("node").read_text() == "0f"


def test_another_version_is_named_with_both(mark):
    versions = {"genbench": "99.0"} | {k: v for k, v in mark.versions.items() if k != "genbench"}
    assert lacks(replace(mark, versions=versions)).endswith(", this machine 99.0")


def test_a_package_that_is_installed_on_the_driver_only_is_named(mark):
    versions = mark.versions | {"their_models": "1.2"}
    assert lacks(replace(mark, versions=versions)) == (
        "lacks the package their_models 1.2, which is installed here"
    )


def test_a_folder_without_the_driver_s_nonce_is_another_one(mark):
    mark.file("driver").write_text("another")
    assert "another results folder" in lacks(mark)
    mark.file("driver").unlink()
    assert "another results folder" in lacks(mark)
    assert not mark.file("node").exists()


def test_other_data_are_named_with_both_digests(mark):
    found = lacks(replace(mark, digests={DIGITS: "0" * 64}))
    assert found == f"has other data 'digits': expected {'0' * 12}, found {digest()[:12]}"


def test_code_that_is_not_there_is_named(mark):
    assert lacks(mark, ["not_there"]).startswith("cannot import not_there: ")


def test_a_node_without_genbench_says_so(monkeypatch):
    ray = pytest.importorskip("ray")
    content = ray.cloudpickle.dumps(probe._probe())
    for name in [name for name in sys.modules if name.startswith("genbench")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [WithoutGenbench(), *sys.meta_path])
    assert pickle.loads(content)(b"", [], "node") == "lacks the package genbench"


class WithoutGenbench:
    """Finds no genbench, wherever it is installed."""

    def find_spec(self, name, path, target=None):
        if name == "genbench":
            raise ModuleNotFoundError(name=name)
