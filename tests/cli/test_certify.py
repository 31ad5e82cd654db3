"""``certify`` as a user calls it."""

import json
import xml.etree.ElementTree as ET

import pytest

from genbench import cli
from genbench.certify import recipes
from genbench.certify.gallery.bugs import BUGS
from genbench.certify.recipes import ALL, LEVELS
from genbench.certify.suites import COMPRESSION
from genbench.certify.verdict import judge
from genbench.core.errors import ExitCode


@pytest.fixture
def run(capsys):
    def call(*argv):
        capsys.readouterr()
        code = cli.main(["certify", *argv])
        found = capsys.readouterr()
        assert "Traceback" not in found.out + found.err
        return code, found.out, found.err

    return call


def test_a_recipe_is_summed_over_small_worlds(run):
    argv = ("--models", "independent_pixels", "--level", "worlds")
    code, out, err = run(*argv)
    assert code == ExitCode.OK
    assert err == ""
    assert "no likelihoods, so not summed: " in out
    assert "parzen_log_likelihood" in out.split("\n\n")[0]
    assert out.splitlines()[-1].startswith("passed: all of ")
    code, out, _ = run(*argv, "--format", "json")
    rows = json.loads(out)
    assert {row["subject"] for row in rows} >= {"independent_pixels: log_likelihood"}
    assert all(row["found"] == pytest.approx(1, abs=1e-4) for row in rows if row["expected"] == "1")


def test_what_is_left_out_fits_a_narrow_terminal_and_no_check_is_no_success(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(recipes, "certify_recipes", lambda *_: [])
    code, out, err = run()
    assert code == ExitCode.USAGE
    assert err == "genbench: nothing was certified: no claim of a likelihood was checked\n"
    assert max(map(len, out.splitlines())) <= 60
    assert "no likelihoods, so not summed: " in out
    assert out.endswith("\n\nnothing was certified: no claim of a likelihood was checked\n")


def test_a_failed_check_ends_with_code_4_and_its_name(run, monkeypatch):
    bad = judge("vae: elbo", "sum over the 3x3 binary world", "<=", 1.0, 2.2, 0.1, "no KL")
    monkeypatch.setattr(recipes, "certify_recipes", lambda *_: [bad])
    code, out, err = run()
    assert code == ExitCode.RUNS_FAILED
    assert "no KL" in out
    assert err == "genbench: FAILED: 1 of 1 checks: vae: elbo\n"
    assert len(ET.fromstring(run("--format", "junit")[1]).findall(".//failure")) == 1


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--models", "vea"), ExitCode.USAGE, "did you mean 'vae'"),
        (("--level", "compression"), ExitCode.USAGE, "name one by --suite"),
        (("--data", "images.npz"), ExitCode.USAGE, "name one by --suite"),
        (("--suite", "nowhere", "--results", "none"), ExitCode.STORAGE, "nowhere"),
        (("--gallery", "--format", "junit"), ExitCode.USAGE, "text and json"),
    ],
)
def test_what_cannot_be_done_is_said(run, argv, code, said):
    found, _, err = run(*argv)
    assert found == code
    assert said in err


def test_the_levels_of_the_command_are_those_that_there_are():
    with pytest.raises(SystemExit):
        cli.main(["certify", "--level", "none"])
    for level in (*LEVELS, COMPRESSION, ALL):
        assert cli._parser().parse_args(["certify", "--level", level]).level == level


def test_the_gallery_is_printed_and_written_as_a_page(run, tmp_path):
    code, out, err = run("--gallery", "--reports", str(tmp_path))
    assert code == ExitCode.OK
    assert out.startswith("12 of 12 are caught, each under its name")
    page = tmp_path / "impossible_likelihoods" / "index.html"
    assert err == f"page: {page}\n"
    text = page.read_text(encoding="utf-8")
    for bug in BUGS:
        assert bug.name in text
        assert bug.thread in text
    assert 'src="http' not in text


def test_the_gallery_as_json_says_that_each_bug_is_caught(run):
    rows = json.loads(run("--gallery", "--format", "json")[1])
    assert [row["bug"] for row in rows] == [bug.name for bug in BUGS]
    assert all(row["caught"] and row["verdict"] == "fail" for row in rows)
    assert all(row["reason"] == row["bug"] for row in rows)
