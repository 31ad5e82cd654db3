"""The table of runs."""

from genbench.reporting.tables.runs import MOST_RUNS, runs_table
from genbench.results.records import StoredRun


def run(model, seed, **content):
    return StoredRun(train_id=f"{model}{seed}", model=model, seed=seed, protocol="p", **content)


RUNS = (run("vae", 0), run("vae", 1), run("copier", 0, status="failed", reason="no room"))


def test_each_run_stands_with_its_folder_and_how_it_ended():
    table = runs_table(RUNS)
    assert [row[0].text for row in table.rows] == ["vae0", "vae1", "copier0"]
    assert [row[3].text for row in table.rows] == ["ok", "ok", "failed: no room"]
    assert table.caption == ""


def test_very_many_runs_are_not_listed_one_by_one():
    table = runs_table([run("vae", seed) for seed in range(MOST_RUNS + 1)])
    assert len(table.rows) == MOST_RUNS
    assert table.caption == f"The first {MOST_RUNS} of {MOST_RUNS + 1} runs; suite.json lists all."
