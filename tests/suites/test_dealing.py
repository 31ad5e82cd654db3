"""Shards of whole suites: what each has to do, and what they leave together."""

import pytest

from genbench.api import run_and_report
from genbench.core.errors import ConfigError
from genbench.core.locks import QUEUE, locked
from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.suites.dry_run import dry_run
from genbench.suites.prepare import prepare
from genbench.suites.run import run_suite
from tests.suites.conftest import EVALUATE, HEAD, MODELS

ASSUMED = """
[[model]]
recipe = "ae"
hidden = [8]
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"

[[model]]
name = "ae+normal"
recipe = "ae"
hidden = [8]
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"
assume = { prior = "gaussian", scale = 0.1 }

[[model]]
name = "same_vae"
recipe = "vae"
hidden = [8]
latent_dim = 2
"""
COINS = """
[[study]]
name = "{}"
study = "coins"
"""


@pytest.fixture
def place(tmp_path, monkeypatch, coins):
    """A folder with a suite of six runs and two studies, and a collection of three suites."""
    monkeypatch.chdir(tmp_path)
    seeds = "seeds = [0, 1, 2]"
    whole = seeds + HEAD + MODELS + EVALUATE
    (tmp_path / "small.toml").write_text(whole + COINS.format("one") + COINS.format("two"))
    for name in ("first", "second"):
        (tmp_path / f"{name}.toml").write_text(HEAD + MODELS.replace("[8]", f"[{len(name)}]"))
    (tmp_path / "all.toml").write_text('suites = ["first", "second", "small"]\n')
    return tmp_path


def planned(count, suite="small", **more):
    """The rows of each shard's plan, without what is stored of them."""
    shards = [f"{i}/{count}" for i in range(1, count + 1)]
    plans = [dry_run(RunOptions(f"{suite}.toml", shard=s, device="cpu", **more)) for s in shards]
    return [[(row.folder, row.name, row.seed) for row in plan.rows] for plan in plans]


@pytest.mark.parametrize("suite", ["small", "all"])
@pytest.mark.parametrize("count", [2, 3, 9])
def test_shards_of_a_suite_are_disjoint_complete_and_of_equal_size(place, suite, count):
    (whole,) = planned(1, suite)
    shards = planned(count, suite)
    assert sorted(row for shard in shards for row in shard) == sorted(whole)
    sizes = sorted(map(len, shards))
    assert sizes[-1] - sizes[0] <= 1


def test_runs_that_need_one_training_are_in_one_shard(place):
    (place / "small.toml").write_text("seeds = [0, 1, 2]" + HEAD + MODELS + ASSUMED)
    shards = planned(9)
    assert sorted(map(len, shards)) == [1] * 3 + [2] * 6
    for shard in shards:
        names = {name for _, name, _ in shard}
        assert ("ae" in names) == ("ae+normal" in names)
        assert ("vae" in names) == ("same_vae" in names)


def test_a_selection_is_dealt_out_alike_however_it_is_made(place):
    listed = planned(3, models=["pca", "vae"])
    (place / "small.toml").write_text("seeds = [2, 1, 0]" + HEAD + MODELS + EVALUATE)
    for selected, whole in zip(listed, planned(3), strict=True):
        assert sorted(selected) == sorted(whole)


def test_seeds_that_are_trained_together_stay_together(place):
    shards = planned(2, models=["pca", "vae"], together=True)
    assert sorted([name for _, name, _ in shard] for shard in shards) == [["pca"] * 3, ["vae"] * 3]


def test_shards_are_known_before_there_are_data(place, monkeypatch):
    monkeypatch.setenv("GENBENCH_DATA_DIR", str(place / "none"))
    text = (place / "small.toml").read_text()
    (place / "small.toml").write_text(text.replace('"digits"', '"mnist"'))
    assert sorted(map(len, planned(2))) == [4, 4]


@pytest.mark.parametrize("shard", ["0/4", "5/4", "a/b", "1/0"])
def test_what_is_no_shard_is_refused_before_anything_is_read(place, shard):
    with pytest.raises(ConfigError, match=r"^shard: "):
        prepare(RunOptions("missing.toml", shard=shard))


def test_the_last_shard_has_the_whole_table_and_makes_the_page(place):
    done, page = [], place / "reports" / "small" / "index.html"
    for shard in ("3/3", "1/3", "2/3"):
        outcome, suite = run_and_report(RunOptions("small.toml", shard=shard, device="cpu"))
        assert outcome.complete == page.exists() == (suite is not None) == (shard == "2/3")
        done.append(outcome.done)
    assert done == [(2, 8), (5, 8), (8, 8)]
    shared = (suite.folder / "metrics.csv").read_bytes()
    whole = run_suite(RunOptions("small.toml", results=place / "alone", device="cpu"))
    assert (place / "alone" / "small" / "metrics.csv").read_bytes() == shared
    assert whole.size == 8


def test_a_shard_without_work_ends_well(place):
    outcome, _ = run_and_report(RunOptions("small.toml", shard="9/9", device="cpu"))
    assert (outcome.size, outcome.done, outcome.problems) == (0, (0, 8), [])
    assert StoredSuite.open(place / "results", "small").table.empty


def test_a_shard_leaves_the_table_to_another_that_waits_to_write_it(place):
    table = place / "results" / "small" / "metrics.csv"
    options = [RunOptions("small.toml", shard=f"{i}/3", device="cpu") for i in (1, 2, 3)]
    run_suite(options[0])
    before = table.read_bytes()
    with locked(table.parent / QUEUE):
        left = run_suite(options[1])
    assert (left.tabled, left.complete, left.done) == (False, False, (6, 8))
    assert table.read_bytes() == before
    last = run_suite(options[2])
    assert last.complete
    assert len(StoredSuite.open(place / "results", "small").record.runs) == 6
