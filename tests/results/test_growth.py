"""Work grows with the number of runs as the runs do: calls, elements compared and files opened.

Seconds would depend on the machine; these counts do not.
"""

import cProfile
import sys
from collections import Counter
from contextlib import contextmanager

import pandas as pd
import pytest

from genbench.comparison import compare, resolve
from genbench.gate.keys import mismatches
from genbench.gate.suite_results import read_results
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.multi_part_metrics import multi_part_metric
from genbench.results.run_tables import run_table
from genbench.results.suite import StoredSuite
from genbench.suites.prepare import prepare
from genbench.suites.table import write_suite
from tests.benchmarks.stored_runs import fabricate

SLACK = 1.25
"""How much more than in proportion the work may grow: sorting, and hash tables."""
SHAPES = {"few": (4, 2), "models": (16, 2), "seeds": (4, 8)}
_opened = Counter()
_counting = []


def _on_open(event, details):
    if _counting and event == "open":
        _opened["files"] += 1


sys.addaudithook(_on_open)


@contextmanager
def counted(monkeypatch):
    """Count the calls of functions, the elements of columns compared and the files opened."""
    work, profile = Counter(), cProfile.Profile()

    def compared(method):
        def count(self, other):
            work["elements"] += len(self)
            return method(self, other)

        return count

    with monkeypatch.context() as patch:
        for name in ("__eq__", "__and__", "__ne__", "isin"):
            patch.setattr(pd.Series, name, compared(getattr(pd.Series, name)))
        _opened.clear()
        _counting.append(True)
        try:
            with profile:
                yield work
        finally:
            _counting.clear()
            work["files"] = _opened["files"]
            work["calls"] = sum(entry.callcount for entry in profile.getstats())


def write_table(options, suite):
    prepared = prepare(options)
    records = [prepared.context.stored(spec) for spec in prepared.context.plan.specs]
    assert all(records)
    write_suite(prepared, records, [], [])


def judge(options, suite):
    results = read_results(options.results, suite.name)
    absent = results.absent
    assert mismatches(results.entries, results.entries, absent) == []


def parts(options, suite):
    metric = suite.metrics["kl_per_dim"]
    assert all(multi_part_metric(suite.rows, block, metric) for block in suite.blocks)


def compare_with_itself(options, suite):
    side = resolve(suite.name, options.results)
    assert compare(side, side).lines


STEPS = {
    "write the table": write_table,
    "open": lambda options, suite: StoredSuite.open(options.results, suite.name),
    "blocks": lambda options, suite: suite.blocks,
    "leaderboards": lambda options, suite: suite.leaderboards,
    "table of metrics": lambda options, suite: run_table(
        "metrics", suite.folder, suite.frame, suite.record.runs
    ),
    "metrics in parts": parts,
    "comparison tables": lambda options, suite: comparison_tables(suite.blocks),
    "gate": judge,
    "compare": compare_with_itself,
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The work of each step for each shape."""
    found = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, shape in SHAPES.items():
            options = fabricate(tmp_path_factory.mktemp(name), *shape)
            write_table(options, None)
            for step, function in STEPS.items():
                suite = StoredSuite.open(options.results, "many")
                if step != "blocks":
                    assert suite.blocks
                with counted(monkeypatch) as counts:
                    function(options, suite)
                found[name, step] = counts
    return found


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("grown", ["models", "seeds"])
def test_work_grows_in_proportion(work, step, grown):
    few, many = work["few", step], work[grown, step]
    assert few["calls"] > 10
    for kind in few:
        assert many[kind] <= 4 * SLACK * few[kind], kind
