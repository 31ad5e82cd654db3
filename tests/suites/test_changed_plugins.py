"""What is said of plugins that changed, and what is computed again once a metric is mended."""

from pathlib import Path

import pytest
import torch

import genbench
from genbench.core import plugins
from genbench.evaluation.runner import evaluators
from genbench.runs.record import RunRecord
from genbench.runs.run_options import RunOptions
from genbench.suites.changed_plugins import changed_plugins
from genbench.suites.run import run_suite

SUITE = """
data = { name = "digits", binarisation = "static", limit = 40 }
evaluate = { metrics = ["log_likelihood", "own"] }
[[model]]
recipe = "independent_pixels"
"""


@pytest.fixture(autouse=True)
def own_tables(monkeypatch):
    monkeypatch.setattr(evaluators, "_entries", dict(evaluators._entries))
    loaded = {
        Path("/mine.py"): plugins._Loaded("new", []),
        Path("/same.py"): plugins._Loaded("s", []),
    }
    monkeypatch.setattr(plugins, "_files", loaded)


def record(cached, **digests):
    named = {f"{name}.py": digest for name, digest in digests.items()}
    return RunRecord(None, "", cached=cached, provenance={"plugins": named})


def test_a_file_that_changed_since_runs_were_stored_is_named_once():
    old = [record(True, mine="old", same="s", gone="x")] * 2
    (line,) = changed_plugins([*old, record(False, mine="old"), RunRecord(None, "", cached=True)])
    assert line.startswith("mine.py has changed since 2 runs were stored: these are kept; raise")
    assert list(changed_plugins([record(True, mine="new")])) == []


def test_a_metric_of_ones_own_that_failed_is_computed_again_and_nothing_else(tmp_path):
    (tmp_path / "own.toml").write_text(SUITE)
    options = RunOptions(
        suite=str(tmp_path / "own.toml"), results=tmp_path / "results", device="cpu", report=False
    )
    calls = []

    def register(function):
        evaluators.discard("own")
        genbench.evaluator(name="own", needs="log_prob", unit="share", better="none", kind="exact")(
            function
        )

    def broken(block):
        raise KeyError("x")

    def mended(block):
        calls.append(len(block.x))
        return torch.ones(len(block.x))

    register(broken)
    (first,) = run_suite(options).records
    assert [row["status"] for row in first.rows] == ["ok", "failed"]
    register(mended)
    (second,) = run_suite(options).records
    assert [row["status"] for row in second.rows] == ["ok", "ok"]
    assert (second.cached, second.rows[0]) == (False, first.rows[0])
    assert run_suite(options).records[0].cached
    assert calls == [100]
