"""Suites with studies on the command line: exit codes, messages, and what goes where."""

import pytest

from genbench import api
from genbench.core.errors import RunsFailedError
from tests.studies.tiny import register

COINS = """
title = "Coins"

[[study]]
name = "coins"

[[study]]
study = "coins"
name = "more"
"""
RUN = ("run", "--suite", "coins.toml", "--no-report", "--device", "cpu")


@pytest.fixture(autouse=True)
def coins(monkeypatch):
    return register(monkeypatch)


@pytest.fixture
def toss(place, command):
    """Write the suite with more text after it, and run it."""

    def go(more="", *argv):
        (place.folder / "coins.toml").write_text(COINS + more)
        return command(*RUN, *argv)

    return go


def test_the_checks_are_printed_and_the_lines_said(toss):
    found = toss()
    assert found.code == 0
    assert found.err == "study coins: done\nstudy more: done\n"
    header, *rows = found.out.splitlines()[:5]
    assert header.split() == ["study", "check", "expected", "found", "tolerance", "holds"]
    assert [row.split()[0] for row in rows] == ["coins", "coins", "more", "more"]
    assert all(row.endswith("yes") for row in rows)
    assert "metrics.csv" in found.out


def test_a_second_call_changes_no_file(toss, place):
    toss()
    before = place.state()
    found = toss()
    assert (found.code, place.state()) == (0, before)
    assert found.err == "nothing to do: 2 studies stored (--fresh starts again)\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("fails = true\n", "study more: failed: RuntimeError: the coins are gone"),
        ("off = 0.1\n", "study more: 1 of 2 checks failed: one minus one half"),
    ],
)
def test_a_study_that_fails_is_code_4_and_the_others_are_stored(toss, place, more, told):
    for _ in range(2):
        found = toss(more)
        assert found.code == 4
        assert "1 of 2 runs and studies did not succeed" in found.err
        assert told in found.err
    stored = "nothing to do: 2 studies stored" if "off" in more else "stored already: 1 study"
    assert stored in found.err
    assert (place.results / "coins" / "studies" / "coins" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--set", "study.more.m=3"), "study.more.m: unknown key"),
        (("--set", "study.more.n=0"), "study.more.n: "),
        (("--set", "study.moer.n=3"), "did you mean 'more'"),
        (("--studies", "moer"), "did you mean 'more'"),
        (("--models", "vae"), "models: no model 'vae'"),
    ],
)
def test_a_wrong_argument_is_code_2_and_names_what_is_right(toss, place, argv, told):
    found = toss("", *argv)
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert not place.results.exists()


def test_damaged_results_are_code_5_and_running_repairs_them(toss, place, command):
    toss()
    path = place.results / "coins" / "studies" / "more" / "means.csv"
    path.write_bytes(path.read_bytes()[:-5])
    found = command("report", "--suite", "coins")
    assert (found.code, found.out) == (5, "")
    assert str(path.relative_to(place.folder)) in found.err
    assert "running the suite again redoes it" in found.err
    assert toss().code == 0
    assert command("report", "--suite", "coins").code == 0


def test_a_collection_writes_the_reports_of_its_members(place, command):
    (place.folder / "coins.toml").write_text(COINS)
    (place.folder / "both.toml").write_text('title = "All"\nsuites = ["coins"]\n')
    found = command("run", "--suite", "both.toml", "--device", "cpu", "--limit", "5")
    assert found.code == 0
    assert found.err == "coins: study coins: done\ncoins: study more: done\n"
    assert "suites of this collection: coins" in found.out
    page = (place.folder / "reports" / "both" / "index.html").read_text()
    assert 'href="../coins/index.html">Coins</a>' in page
    assert (place.folder / "reports" / "coins" / "index.html").exists()
    before = {p: p.stat().st_mtime_ns for p in place.folder.rglob("*") if p.is_file()}
    command("run", "--suite", "both.toml", "--device", "cpu", "--limit", "5")
    assert before == {p: p.stat().st_mtime_ns for p in place.folder.rglob("*") if p.is_file()}


def test_own_studies_of_a_collection_run_before_any_member(place, command):
    (place.folder / "coins.toml").write_text(COINS)
    own = COINS.replace("Coins", "All").replace("more", "own")
    (place.folder / "both.toml").write_text('suites = ["coins"]\n' + own)
    found = command("run", "--suite", "both.toml", "--device", "cpu", "--studies", "own")
    assert (found.code, found.err) == (0, "study own: done\n")
    page = (place.folder / "reports" / "both" / "index.html").read_text()
    assert "Coins that are tossed</h2>" in page
    assert not (place.results / "coins").exists()


def test_dry_run_lists_studies(toss, place):
    found = toss("", "--dry-run")
    assert "\nto do: 2\n" in found.out
    assert "study more" in found.out
    assert not place.results.exists()


def test_from_python_a_failed_check_raises_after_the_others_are_stored(place, coins):
    (place.folder / "coins.toml").write_text(COINS + "off = 0.1\n")
    with pytest.raises(RunsFailedError, match="1 of 2 checks failed"):
        api.run("coins.toml", report=False)
    assert len(coins.calls) == 2
    assert len(api.run("coins.toml", studies=["coins"], report=False)) == 0
