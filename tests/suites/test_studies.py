"""Suites with studies: what is done, what is stored already, and what fails alone."""

import json
import threading
import time

import pandas as pd
import pytest

from genbench.core.errors import ConfigError, DataError
from genbench.core.locks import locked
from genbench.runs.run_options import RunOptions
from genbench.suites import study_runs
from genbench.suites.dry_run import dry_run
from genbench.suites.run import run_suite
from tests.studies.tiny import raise_version
from tests.suites.conftest import HEAD

COINS = 'title = "Coins"\n[[study]]\nname = "coins"\nn = 8\n'
MORE = '[[study]]\nstudy = "coins"\nname = "more"\n'
MODEL = """
[[model]]
recipe = "linear_gaussian"
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"
"""


@pytest.fixture
def run(coins, suite_file, tmp_path):
    """Run a suite file's text; ``run.said`` holds the lines that were said."""

    def go(text, **request):
        go.said = []
        results = tmp_path / "results"
        return run_suite(RunOptions(suite_file(text), results=results, **request), go.said.append)

    return go


def summary(tmp_path):
    return json.loads((tmp_path / "results" / "small" / "suite.json").read_text())


def test_a_suite_of_studies_alone_has_an_empty_table(run, tmp_path):
    outcome = run(COINS)
    assert (len(outcome.frame), outcome.problems, outcome.unchanged) == (0, [], False)
    assert list(pd.read_csv(tmp_path / "results" / "small" / "metrics.csv")) == list(outcome.frame)
    found = summary(tmp_path)
    assert (found["runs"], found["metrics"]) == ([], [])
    assert [(s["name"], s["status"]) for s in found["studies"]] == [("coins", "ok")]


def test_one_line_is_said_per_study_that_is_done(run):
    run(COINS + MORE)
    assert run.said == ["study coins: done", "study more: done"]
    again = run(COINS + MORE)
    assert run.said == []
    assert again.stored == "2 studies"


def test_what_is_stored_is_not_computed_again_until_something_changes(run, coins, monkeypatch):
    run(COINS)
    again = run(COINS)
    assert (again.cached, again.unchanged, len(coins.calls)) == (True, True, 1)
    assert not run(COINS, settings=["study.coins.n=9"]).cached
    assert not run(COINS).cached  # the other options' results took its place
    assert not run(COINS, fresh=True).cached
    raise_version(monkeypatch)
    assert not run(COINS).unchanged
    assert [options.n for options in coins.calls] == [8, 9, 8, 8, 8]


def test_damage_is_repaired(run, coins, tmp_path):
    run(COINS)
    table = tmp_path / "results" / "small" / "studies" / "coins" / "means.csv"
    whole = table.read_bytes()
    table.write_bytes(whole[:-9])
    outcome = run(COINS)
    assert (table.read_bytes(), outcome.unchanged, len(coins.calls)) == (whole, False, 2)


def test_a_study_that_fails_stops_no_other(run, tmp_path):
    outcome = run(COINS + "fails = true\n" + MORE)
    told = "study coins: failed: RuntimeError: the coins are gone"
    assert run.said == [told, "study more: done"]
    assert outcome.problems == [told]
    assert "1 of 2 runs and studies did not succeed" in outcome.describe_failures()
    states = [(s["status"], s["reason"]) for s in summary(tmp_path)["studies"]]
    assert states == [("failed", "RuntimeError: the coins are gone"), ("ok", "")]


def test_a_check_that_does_not_hold_is_a_problem_each_time(run):
    for _ in range(2):
        outcome = run(COINS + "off = 0.1\n")
        assert outcome.problems == ["study coins: 1 of 2 checks failed: one minus one half"]
    assert outcome.cached


def test_missing_data_stop_everything(run, coins, monkeypatch):
    def lacks(self, options, setting):
        raise DataError("no such file")

    monkeypatch.setattr(type(coins), "__call__", lacks)
    with pytest.raises(DataError):
        run(COINS)


def test_models_run_first_and_either_kind_may_be_run_alone(run, coins, tmp_path):
    both = HEAD + MODEL + COINS.partition("\n")[2]
    alone = run(both, models=["linear_gaussian"])
    assert (len(alone.records), coins.calls, summary(tmp_path)["studies"]) == (1, [], [])
    other = run(both, studies=["coins"])
    assert (other.records, len(coins.calls)) == ([], 1)
    assert set(other.frame["model"]) == {"linear_gaussian"}
    whole = run(both)
    assert (whole.cached, run.said) == (True, [])
    run(both, fresh=True)
    assert [line.split(":")[0] for line in run.said] == ["linear_gaussian seed 0", "study coins"]
    assert [s["name"] for s in summary(tmp_path)["studies"]] == ["coins"]
    assert run(both, models=["linear_gaussian"]).unchanged


def test_an_unknown_study_is_answered_with_the_nearest(run):
    with pytest.raises(ConfigError, match=r"studies: no study 'coin'.*did you mean 'coins'"):
        run(COINS, studies=["coin"])
    with pytest.raises(ConfigError, match="models: no model 'vae'; known: none"):
        run(COINS, models=["vae"])


def test_the_default_generator_is_left_alone(run):
    import torch

    torch.manual_seed(5)
    run(COINS)
    found = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(found, torch.rand(3))


def test_dry_run_names_studies_and_does_nothing(coins, suite_file, tmp_path):
    request = RunOptions(suite_file(COINS), results=tmp_path / "results")
    (row,) = dry_run(request).rows
    assert row[0] == "study coins"
    assert (row[3], row[4]) == ("to do", tmp_path / "results" / "small" / "studies" / "coins")
    assert (coins.calls, (tmp_path / "results").exists()) == ([], False)
    run_suite(request)
    assert [row[3] for row in dry_run(request).rows] == ["stored"]


def test_a_study_of_another_command_is_waited_for(run, coins, tmp_path):
    folder, held = tmp_path / "results" / "small" / "studies" / "coins", threading.Event()

    def hold():
        with locked(folder, "host, process 7\nid"):
            held.set()
            while not getattr(run, "said", ()):
                time.sleep(0.01)

    threading.Thread(target=hold).start()
    held.wait()
    assert run(COINS).problems == []
    assert run.said == [
        "study coins: another command runs it (host, process 7); waiting for it",
        "study coins: done",
    ]
    assert len(coins.calls) == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(3)])
def test_what_a_study_raises_fails_it_alone(run, coins, monkeypatch, error):
    def perform(*_):
        raise error

    monkeypatch.setattr(study_runs, "perform", perform)
    (problem, other) = run(COINS + MORE).problems
    assert problem.startswith(f"study coins: failed: {type(error).__name__}: ")
    assert other.startswith("study more: failed: ")
