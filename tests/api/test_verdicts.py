"""Comparisons and the gate as frames, with the numbers of the commands."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import genbench
from genbench import cli
from genbench.comparison import NotComparableError
from genbench.core.errors import ConfigError, StorageError
from genbench.gate import BaselineError
from genbench.testing import write_baseline
from tests.results.rich import fabricate_rich


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = fabricate_rich(tmp_path_factory.mktemp("rich"))
    shutil.copytree(root / "tiny", root / "again")
    return root


def as_the_command_says(capsys, *argv):
    assert cli.main(["compare", *argv, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("a", "b", "suite"),
    [("vae", "beta_vae", "tiny"), ("tiny:vae", "again:vae_twin", None), ("tiny", "again", None)],
)
def test_a_comparison_has_the_numbers_of_the_command(results, capsys, a, b, suite):
    frame = genbench.compare(a, b, suite, results=results)
    named = ["--suite", suite] if suite else []
    lines = as_the_command_says(capsys, a, b, *named, "--results", str(results))
    assert frame.attrs["left_out"] == lines["left_out"]
    assert len(frame) == len(lines["lines"]) > 0
    for row, line in zip(frame.to_dict("records"), lines["lines"], strict=True):
        assert (row["a"], row["b"]) == (line["a"]["model"], line["b"]["model"])
        assert (row["metric"], row["difference"]) == (line["metric"], line["difference"])
        assert [row["low"], row["high"]] == line["interval"] or pd.isna(row["low"])
        assert (row["p"], row["p_uncorrected"]) == (line["p_holm"], line["p"])
        assert row["verdict"] == {"A": "a better", "B": "b better"}.get(line["verdict"], "tie")
        assert (row["protocol"], row["options"]) == (line["protocol"], line["options"])


def test_a_difference_is_a_less_b_and_the_verdict_says_which_is_better(results):
    there = genbench.compare("vae", "beta_vae", "tiny", results).set_index("metric")
    back = genbench.compare("beta_vae", "vae", "tiny", results).set_index("metric")
    assert there["difference"]["iw_log_likelihood"] == pytest.approx(3.0, abs=0.2)
    assert there["verdict"]["iw_log_likelihood"] == "a better"
    assert back["verdict"]["iw_log_likelihood"] == "b better"
    assert back["difference"]["iw_log_likelihood"] == -there["difference"]["iw_log_likelihood"]
    twins = genbench.compare("vae", "vae_twin", "tiny", results).set_index("metric")
    assert twins["verdict"]["iw_log_likelihood"] == "tie"


def test_sides_that_do_not_compare_are_errors(results):
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        genbench.compare("vaee", "beta_vae", "tiny", results)
    with pytest.raises(NotComparableError):
        genbench.compare("linear_gaussian", "copier", "tiny", results)
    with pytest.raises(StorageError, match="did you mean 'tiny'"):
        genbench.compare("tinyy", "again", results=results)


@pytest.fixture
def baseline(results, tmp_path):
    argv = ["check", "--baseline", str(tmp_path / "b.json"), "--suite", "tiny", "--update"]
    assert cli.main([*argv, "--results", str(results)]) == 0
    return tmp_path / "b.json"


def worsened(frame, metric="iw_log_likelihood", loss=9.0):
    worse = (frame["metric"] == metric) & (frame["model"] == "vae")
    return frame.assign(value=frame["value"].where(~worse, frame["value"] - loss))


def test_the_gate_judges_stored_suites_and_frames_alike(results, baseline):
    stored = genbench.check("tiny", baseline, results=results)
    frame = genbench.load_results("tiny", results)
    assert list(stored.columns[:3]) == ["model", "metric", "verdict"]
    assert set(stored["verdict"]) == {"same"}
    assert (stored.attrs["passed"], stored.attrs["exit_code"]) == (True, 0)
    assert stored.attrs["summary"].startswith("passed: ")
    of_frame = genbench.check(frame, str(baseline))
    pd.testing.assert_frame_equal(of_frame, stored)


def test_what_is_worse_comes_first_and_raises_nothing(results, baseline):
    frame = worsened(genbench.load_results("tiny", results))
    verdicts = genbench.check(frame, baseline)
    first = verdicts.iloc[0]
    assert (first["model"], first["metric"]) == ("vae", "iw_log_likelihood")
    assert (first["verdict"], first["difference"]) == ("worse", pytest.approx(-9.0))
    assert (verdicts["verdict"] == "worse").sum() == 1
    assert (verdicts.attrs["passed"], verdicts.attrs["exit_code"]) == (False, 1)
    lenient = genbench.check(frame, baseline, margins={"vae/iw_log_likelihood": 20.0})
    assert lenient.attrs["passed"]


def test_numbers_noisier_than_the_margin_fail_where_strictness_is_asked_for(results, baseline):
    frame = worsened(genbench.load_results("tiny", results), loss=0.45)
    plain, strict = (genbench.check(frame, baseline, strict=s) for s in (False, True))
    assert plain["verdict"].tolist() == strict["verdict"].tolist()
    assert plain.attrs["passed"]
    assert strict.attrs["passed"] == ("inconclusive" not in set(strict["verdict"]))


def test_numbers_of_the_baselines_runs_sharpen_the_gate(results, baseline):
    paired = genbench.check("tiny", baseline, results=results, baseline_results=results)
    assert paired.attrs["passed"]
    with pytest.raises(ConfigError, match="baseline_results"):
        genbench.check(genbench.load_results("tiny", results), baseline, baseline_results=results)


def test_certificates_are_required_of_stored_suites_alone(results, baseline):
    found = genbench.check("tiny", baseline, results=results, require=["certified"])
    assert (found.attrs["passed"], found.attrs["exit_code"]) == (False, 1)
    assert "vae elbo" in found.attrs["uncertified"]
    frame = genbench.load_results("tiny", results)
    with pytest.raises(ConfigError, match="require: a frame has no certificates"):
        genbench.check(frame, baseline, require=["certified"])


def test_sides_with_other_numbers_are_an_error_of_ten_lines_at_most(results, baseline, tmp_path):
    frame = genbench.load_results("tiny", results)
    with pytest.raises(BaselineError, match="not comparable") as caught:
        genbench.check(frame[frame["model"] == "vae"], baseline)
    lines = str(caught.value).splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("  and ")
    assert int(lines[-1].split()[1]) + 8 == int(lines[0].split(": ")[1].split()[0])
    one = frame[(frame["model"] != "copier") | (frame["metric"] != "mmd2")]
    with pytest.raises(BaselineError) as caught:
        genbench.check(one, baseline)
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(BaselineError, match="no baseline"):
        genbench.check("tiny", tmp_path / "none.json", results=results)


def test_baselines_of_frames_and_of_stored_results_are_one(results, baseline, tmp_path):
    write_baseline(genbench.load_results("tiny", results), tmp_path / "of_frame.json")
    of_frame, stored = (
        json.loads(path.read_text())["metrics"] for path in (tmp_path / "of_frame.json", baseline)
    )
    assert of_frame == stored


def test_none_of_it_needs_torch(results, baseline):
    code = (
        "import sys, genbench\n"
        f"results = {str(results)!r}\n"
        "genbench.style(genbench.table('tiny', results)).to_html()\n"
        "genbench.compare('vae', 'beta_vae', 'tiny', results)\n"
        f"genbench.check(genbench.load_results('tiny', results), {str(baseline)!r})\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
