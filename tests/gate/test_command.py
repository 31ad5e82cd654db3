"""``check`` on real runs: a re-run passes bit for bit, a run of one epoch fails."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from genbench import cli
from genbench.core.errors import ExitCode
from tests.gate.tables import NUMBERS, table, write_results

SUITE = """
seeds = [0, 1]

[data]
name = "digits"
binarisation = "dynamic"
limit = 500

[train]
epochs = 60
batch_size = 25
learning_rate = 5e-3

[[model]]
recipe = "vae"
hidden = [64]
latent_dim = 4

[[model]]
recipe = "linear_gaussian"
latent_dim = 4
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = ["elbo", "kl", "reconstruction_mse", "log_likelihood"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Results of a small suite, made twice, and once with one epoch."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "small.toml").write_text(SUITE)
    run = ("run", "--suite", str(folder / "small.toml"), "--no-report", "--device", "cpu")
    for name, *changes in (("first",), ("again",), ("short", "--set", "train.epochs=1")):
        assert cli.main([*run, *changes, "--results", str(folder / name)]) == 0
    baseline = str(folder / "small.json")
    first = ("--suite", "small", "--results", str(folder / "first"))
    assert cli.main(["check", "--update", "--baseline", baseline, *first]) == 0
    return folder


@pytest.fixture
def check(place, capsys):
    def call(results, *argv):
        capsys.readouterr()
        baseline = ("--baseline", str(place / "small.json"))
        code = cli.main(["check", *baseline, "--results", str(place / results), *argv])
        found = capsys.readouterr()
        assert "Traceback" not in found.out + found.err
        return code, found.out, found.err

    return call


def test_a_run_again_passes_bit_for_bit(check):
    code, out, err = check("again")
    assert code == 0
    said = " ".join(out.split())  # the folder's name decides where lines break
    assert "passed: 7 numbers" in said
    assert "7 same (7 of them bit for bit)" in said
    assert err == ""


def test_a_run_of_one_epoch_fails(check):
    code, out, err = check("short")
    assert code == ExitCode.REGRESSION
    worse = [line.split()[1:3] for line in out.splitlines() if line.startswith("worse")]
    assert ["vae", "elbo"] in worse
    assert {model for model, _ in worse} == {"vae"}
    assert "FAILED" in err
    assert "another identity" in out


def test_a_run_of_one_epoch_fails_datum_by_datum(check, place):
    beside = ("--baseline-results", str(place / "first"), "--format", "json")
    code, out, _ = check("short", *beside)
    assert code == ExitCode.REGRESSION
    found = json.loads(out)["verdicts"][0]
    assert (found["verdict"], found["model"], found["test"]) == ("worse", "vae", "paired")


def test_formats_are_chosen_on_the_command_line(check, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert ET.fromstring(check("short", "--format", "junit")[1]).tag == "testsuites"
    assert not (tmp_path / "summary.md").exists()
    assert check("short", "--format", "github")[1].startswith("::error")
    assert "### genbench check small" in (tmp_path / "summary.md").read_text()


def test_a_wide_margin_lets_it_pass(check):
    margins = [
        part for name in ("elbo", "reconstruction_mse") for part in ("--margin", f"{name}=99")
    ]
    assert check("short", *margins)[0] == 0
    code, _, err = check("short", "--margin", "elbo")
    assert code == ExitCode.USAGE
    assert "margin: expected METRIC=NUMBER" in err
    assert "not 'elbo'" in err


def test_calibrate_prints_measured_rates(tmp_path, capsys):
    results = write_results(tmp_path / "results", table(NUMBERS))
    place = ("--baseline", str(tmp_path / "b.json"), "--results", str(results))
    assert cli.main(["check", "--update", "--suite", "tiny", *place]) == 0
    few = ("--seeds", "1", "--trials", "5", "--format", "json")
    capsys.readouterr()
    assert cli.main(["check", "--calibrate", *place, *few]) == 0
    rates = json.loads(capsys.readouterr().out)["rates"]
    assert {(r["test"], r["what"], r["trials"]) for r in rates} == {
        (test, what, 5) for test in ("welch", "paired") for what in ("false worse", "false better")
    }
    assert cli.main(["check", "--calibrate", *place, "--seeds", "2"]) == ExitCode.USAGE
    assert "run the suite again with --seeds 4" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--trials", "--seeds", "--loss"])
def test_an_option_of_calibration_needs_it(check, option):
    assert check("again", option, "3") == (
        ExitCode.USAGE,
        "",
        f"genbench: {option}: needs --calibrate\n",
    )


def test_a_missing_baseline_is_code_6_and_missing_results_code_5(place, capsys):
    missing = ("check", "--baseline", str(place / "none.json"))
    assert cli.main([*missing, "--results", str(place / "first")]) == ExitCode.BASELINE
    assert f"check --update {missing[1]} {missing[2]} --suite NAME`" in capsys.readouterr().err
    known = ("check", "--baseline", str(place / "small.json"))
    assert cli.main([*known, "--results", str(place / "nowhere")]) == ExitCode.STORAGE
    made = f"run --suite small --results {place / 'nowhere'}` makes them"
    assert made in capsys.readouterr().err


def test_an_unwritable_baseline_is_code_5(place, capsys):
    below = str(place / "small.json" / "b.json")
    argv = ("check", "--update", "--baseline", below, "--suite", "small")
    assert cli.main([*argv, "--results", str(place / "first")]) == ExitCode.STORAGE
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_check_and_the_pytest_face_do_not_import_torch(place):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from genbench.cli import main\nimport genbench.testing\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'matplotlib', 'seaborn', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    argv = ("check", "--baseline", str(place / "small.json"), "--results", str(place / "first"))
    done = subprocess.run(
        [sys.executable, "-c", program, *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "7 of them bit for bit" in " ".join(done.stdout.split())


def test_certificates_can_be_required(check):
    code, out, err = check("again", "--require", "certified")
    assert code == ExitCode.REGRESSION
    assert "vae elbo" in " ".join(out.split("without a certificate")[1].split())
    assert "without a certificate" in err
