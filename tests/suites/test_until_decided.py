"""``--until-decided``: seeds are added until each pair of models is decided, and never twice."""

import json
import re

import pytest

from genbench.core.errors import ConfigError
from genbench.results import standings
from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.suites.dry_run import dry_run
from genbench.suites.run import run_suite
from genbench.suites.until_decided import run_until_decided

MODELS = """
[[model]]
name = "wide"
recipe = "vae"
hidden = [4]
latent_dim = 2

[[model]]
name = "twin"
recipe = "vae"
hidden = [4]
latent_dim = 2
learning_rate = 1.0001e-3

[[model]]
recipe = "independent_pixels"
"""
EVALUATE = """
[evaluate]
metrics = ["elbo", "log_likelihood"]
elbo = { n_samples = 1 }
"""


@pytest.fixture
def options(suite_file, tmp_path):
    path = suite_file(models=MODELS, evaluate=EVALUATE)

    def of(**more):
        shared = {"results": tmp_path / "results", "device": "cpu", "jobs": 1}
        return RunOptions(path, **shared | {"until_decided": 5} | more)

    return of


def seeds_of(options, suite="small"):
    return StoredSuite.open(options.results, suite).record.until_decided.seeds


def test_near_twins_are_not_decided_at_the_maximum_and_the_same_command_adds_nothing(options):
    said = []
    outcome = run_until_decided(options(), said.append)
    states = [line for line in said if "seeds:" in line]
    pair = "(wide and twin|twin and wide)"
    assert re.fullmatch(f"3 seeds: {pair} are not decided", states[0])
    assert re.fullmatch(f"5 seeds: {pair} are not decided; that is the maximum", states[-1])
    assert sorted({r.spec.seed for r in outcome.records}) == [0, 1, 2, 3, 4]
    assert not any(record.cached for record in outcome.records)
    stored = StoredSuite.open(options().results, "small")
    record = stored.record.until_decided
    assert (record.maximum, record.seeds) == (5, 5)
    assert "e-process" in record.rule
    assert stored.record.command.endswith("--until-decided 5")
    (board,) = stored.leaderboards
    assert re.search(rf" Not decided after 5 seeds: {pair}\.", board.sentence)
    again = run_until_decided(options())
    assert again.cached
    assert again.unchanged
    more = run_until_decided(options(until_decided=6))
    assert sorted({r.spec.seed for r in more.records if not r.cached}) == [5]


def test_it_stops_with_the_first_number_of_seeds_that_decides(options, monkeypatch):
    left = iter([[("wide", "twin")], []])
    monkeypatch.setattr(standings, "_undecided", lambda *_: next(left))
    said = []
    run_until_decided(options(), said.append)
    assert seeds_of(options()) == 4
    assert said[-1] == "4 seeds: every pair of models is decided"


def test_runs_that_are_stored_are_begun_with_and_an_interrupted_seed_is_finished(options):
    run_suite(options(until_decided=False, seeds=4, models=["wide"]))
    planned = dry_run(options())
    assert sorted({row.seed for row in planned.rows}) == [0, 1, 2, 3]
    states = {(row.name, row.seed): row.state for row in planned.rows}
    assert states["wide", 3] == "stored"
    assert states["twin", 0] == "to do"


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"seeds": 5}, "--seeds: does not go with --until-decided: it chooses the number"),
        ({"shard": "1/2"}, "--shard: .* a shard does not see what the others find"),
        ({"models": ["wide"]}, "--models: .* it compares all models"),
        ({"fresh": True}, "--fresh: .* it goes on from what is stored"),
        ({"until_decided": 2}, "--until-decided: expected at least 3 seeds, found 2"),
        ({"until_decided": 0}, "--until-decided: expected at least 3 seeds, found 0"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(options, option, why):
    with pytest.raises(ConfigError, match=why):
        run_until_decided(options(**option))
    with pytest.raises(ConfigError, match=why):
        dry_run(options(**option))


def test_a_suite_without_models_is_refused(suite_file, tmp_path, coins):
    path = suite_file('title = "Coins"\n[[study]]\nname = "coins"\n')
    with pytest.raises(ConfigError, match="has no models to compare"):
        run_until_decided(RunOptions(path, until_decided=True, results=tmp_path))


def test_the_record_of_a_suite_run_with_given_seeds_says_nothing(options):
    run_suite(options(until_decided=False, seeds=3))
    content = json.loads((options().results / "small" / "suite.json").read_text())
    assert content["until_decided"] is None
    assert content["command"].endswith("--seeds 3")
