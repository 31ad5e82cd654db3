"""Collections: members run as if by hand, nothing is redone, and every mistake comes first."""

import json

import pandas as pd
import pytest

from genbench import load_results
from genbench.core.errors import ConfigError, DataError
from genbench.results.metrics_table import read_table
from genbench.runs.run_options import RunOptions
from genbench.suites import spec
from genbench.suites.dry_run import dry_run
from genbench.suites.prepare import prepare
from genbench.suites.run import run_suite
from tests.suites.conftest import HEAD
from tests.suites.test_studies import COINS, MODEL

BOTH = 'title = "Both"\nsuites = ["one", "two"]\n'
FILES = {
    "one": HEAD + MODEL,
    "two": HEAD + MODEL.replace("latent_dim = 2", "latent_dim = 3") + COINS.partition("\n")[2],
    "both": BOTH,
}


@pytest.fixture
def folder(coins, tmp_path):
    """Two suites and their collection; ``folder(name=text)`` writes others."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path

    write(**FILES)
    return write


@pytest.fixture
def run(folder):
    """Run a suite of the folder by name; ``run.said`` holds what was said."""

    def go(name="both", **request):
        go.said = []
        path = folder()
        found = RunOptions(str(path / f"{name}.toml"), results=path / "results", **request)
        return run_suite(found, go.said.append)

    return go


def files_of(path):
    return {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_members_run_as_by_hand_and_nothing_is_redone(run, folder, coins):
    run("one"), run("two")
    by_hand = files_of(folder() / "results")
    outcome = run()
    assert outcome.cached
    assert len(coins.calls) == 1
    after = files_of(folder() / "results")
    changed = [path for path, content in by_hand.items() if after[path] != content]
    assert [path.name for path in changed] in ([], ["suite.json"] * 2)
    assert run().unchanged


def test_the_table_holds_the_rows_of_the_members(run, folder):
    outcome = run()
    results = folder() / "results"
    parts = [read_table(results / name) for name in ("one", "two")]
    stored = read_table(results / "both")
    pd.testing.assert_frame_equal(stored, pd.concat(parts, ignore_index=True))
    pd.testing.assert_frame_equal(stored, outcome.frame, check_dtype=False)
    assert list(stored["suite"].unique()) == ["one", "two"]
    found = json.loads((results / "both" / "suite.json").read_text())
    assert (found["members"], found["runs"]) == (["one", "two"], [])


def test_python_reads_the_numbers_of_the_members_with_their_settings(run, folder):
    run()
    results = folder() / "results"
    both, one = (load_results(name, results) for name in ("both", "one"))
    first = both[both["suite"] == "one"].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, one)
    assert set(one[one["metric"] == "iw_log_likelihood"]["settings"]) == {"K = 100"}


def test_a_member_says_how_it_is_run_by_itself(run, folder):
    run(limit=60)
    found = json.loads((folder() / "results" / "two" / "suite.json").read_text())
    assert found["command"] == "python -m genbench run --suite two.toml --limit 60"
    assert (found["runs"][0]["data"]["limit"], found["spec"]["data"]["limit"]) == (60, 60)


def test_each_file_is_read_once(run, folder, monkeypatch):
    read, paths = spec.read_toml, []
    monkeypatch.setattr(spec, "read_toml", lambda path: paths.append(path.stem) or read(path))
    folder(all='suites = ["both"]\n')
    run("all")
    assert sorted(paths) == ["all", "both", "one", "two"]


def test_lines_name_the_member(run):
    run()
    assert run.said == [
        "one: linear_gaussian seed 0: done",
        "two: linear_gaussian seed 0: done",
        "two: study coins: done",
    ]


def test_own_rows_come_first(run, folder):
    own = FILES["one"].replace("latent_dim = 2", "latent_dim = 4")
    folder(both='suites = ["one", "two"]\n' + own)
    assert list(run().frame["suite"].unique()) == ["both", "one", "two"]


def test_own_studies_may_be_run_alone(run, folder, coins):
    run()
    folder(both=BOTH + COINS.partition("\n")[2])
    outcome = run(studies=["coins"])
    assert run.said == ["study coins: done"]
    assert list(outcome.frame["suite"].unique()) == ["one", "two"]
    assert [(member.records, member.ran) for member in outcome.members] == [([], False)] * 2


def test_a_member_whose_data_are_missing_stops_no_other(run, folder, monkeypatch, coins):
    def lacks(self, options, setting):
        raise DataError("no such file\nand where to get it")

    monkeypatch.setattr(type(coins), "__call__", lacks)
    folder(one=COINS, two=FILES["one"])
    outcome = run()
    assert outcome.problems == ["one: not run: no such file"]
    assert run.said == ["one: not run: no such file", "two: linear_gaussian seed 0: done"]
    assert list(outcome.frame["suite"].unique()) == ["two"]
    assert (outcome.size, outcome.unchanged, outcome.cached) == (2, False, False)


def test_problems_of_members_are_those_of_the_collection(run, folder):
    folder(two=FILES["two"] + "fails = true\n")
    outcome = run()
    assert outcome.problems == ["two: study coins: failed: RuntimeError: the coins are gone"]
    assert "1 of 3 runs and studies" in outcome.describe_failures()


def test_a_collection_may_hold_a_collection(run, folder):
    folder(all='suites = ["both"]\n')
    outcome = run("all")
    assert list(outcome.frame["suite"].unique()) == ["one", "two"]
    assert outcome.size == 3


def test_a_shipped_suite_may_be_a_member(folder):
    path = folder(shipped='suites = ["digits"]\n') / "shipped.toml"
    rows = dry_run(RunOptions(str(path), results=folder() / "results")).rows
    assert {row[4].parts[-3] for row in rows} == {"digits"}


def test_members_may_be_named_by_path_from_the_collection(run, folder, monkeypatch):
    path = folder()
    (path / "sub").mkdir()
    (path / "sub" / "three.toml").write_text(FILES["one"])
    folder(both=f'suites = ["one.toml", "sub/three.toml", "{path}/two.toml"]\n')
    monkeypatch.chdir(path.parent)
    rows = dry_run(RunOptions(str(path / "both.toml"), results=path / "results")).rows
    assert [row[4].parts[-2 if row[0].startswith("study") else -3] for row in rows] == [
        "one", "three", "two", "studies",
    ]  # fmt: skip


def test_a_path_before_a_name_and_a_file_beside_before_a_shipped_suite(run, folder):
    folder(digits=FILES["one"], both='suites = ["digits"]\n')
    rows = dry_run(RunOptions(str(folder() / "both.toml"), results=folder() / "results")).rows
    assert [row[0] for row in rows] == ["linear_gaussian"]


def test_a_collection_that_is_linked_below_itself_contains_itself(run, folder):
    (folder(both='suites = ["link"]\n') / "link.toml").symlink_to(folder() / "both.toml")
    with pytest.raises(ConfigError, match="cannot contain itself: both > link"):
        run()


def test_dry_run_lists_the_members_runs_and_studies(run, folder):
    request = RunOptions(str(folder() / "both.toml"), results=folder() / "results")
    rows = dry_run(request).rows
    assert [(row[0], row[3]) for row in rows] == [
        ("linear_gaussian", "to do"),
        ("linear_gaussian", "to do"),
        ("study coins", "to do"),
    ]
    run("two")
    assert [row[3] for row in dry_run(request).rows] == ["to do", "stored", "stored"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"both": 'suites = ["one", "tow"]\n'}, "suites.1: no suite 'tow'; did you mean 'two'"),
        ({"both": 'suites = ["one", "both"]\n'}, "cannot contain itself: both > both"),
        ({"two": 'suites = ["both"]\n'}, "cannot contain itself: both > two > both"),
        ({"two": 'name = "one"\n' + FILES["two"]}, "two suites are named 'one'"),
        ({"two": 'name = "both"\n' + FILES["two"]}, "two suites are named 'both'"),
        ({"both": 'suites = ["one", "one.toml"]\n'}, "two suites are named 'one'"),
        (
            {"all": 'name = "one"\n' + FILES["two"], "two": 'suites = ["all"]\n'},
            "two suites are named 'one'; their results would mix",
        ),
        ({"both": 'suites = ["one", "sub/on.toml"]\n'}, "suites.1: no file 'sub/on.toml'"),
        ({"both": 'suites = ["one", "two.tml"]\n'}, "suites.1: no suite 'two.tml'; did you mean"),
        ({"both": 'suites = ["one", "tow.toml"]\n'}, "suites.1: no file 'tow.toml'; did you mean"),
        ({"both": 'suites = ["one", "."]\n'}, "suites.1: '.': a folder, not a suite file"),
        ({"both": 'suites = ["one", "x\\u0000"]\n'}, "suites.1: no suite 'x\\x00'"),
        ({"two": FILES["two"] + "m = 2\n"}, "study.coins.m: unknown key"),
        ({"two": FILES["one"] + "latent = 2\n"}, "model.linear_gaussian.latent: unknown key"),
        ({"two": FILES["one"] + "[evaluate]\nelbow = {}\n"}, "did you mean 'elbo'"),
    ],
)
def test_mistakes_are_found_before_anything_is_run(run, folder, files, told):
    folder(**files)
    with pytest.raises(ConfigError) as caught:
        run()
    assert told in str(caught.value)
    assert not (folder() / "results").exists()


@pytest.mark.parametrize("request_", [{"models": ["vae"]}, {"settings": ["train.epochs=1"]}])
def test_what_is_about_a_member_is_answered_with_the_members(run, request_):
    with pytest.raises(ConfigError, match=r"name a member: --suite NAME .*members: one, two"):
        run(**request_)


def test_collections_that_double_at_each_level_are_refused_while_they_are_few(folder):
    levels = 40  # 2^40 suites in all
    for i in range(levels):
        below = f'["a{i + 1}", "b{i + 1}"]' if i < levels - 1 else '["one", "two"]'
        folder(**{f"{kind}{i}": f"suites = {below}\n" for kind in "ab"})
    request = RunOptions(str(folder() / "a0.toml"), results=folder() / "results")
    with pytest.raises(ConfigError, match=r"suites: more than 100 suites in all$"):
        prepare(request)
