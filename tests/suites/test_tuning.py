"""A search: equal trials, scored on validation data alone, resumable, recorded once."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genbench.cli import main
from genbench.core.errors import ConfigError
from genbench.data import data_home
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite
from genbench.suites.spec import load_suite
from genbench.suites.trials import ranked
from genbench.suites.tuning import criteria, search

SUITE = """
title = "Small"
tuned = "small.csv"
figures = []
data = { name = "digits", limit = 70, binarisation = "dynamic" }
train = { epochs = 1, batch_size = 35 }
evaluate = { metrics = ["elbo"], elbo = { n_samples = 2 } }
tune = { trials = 3, learning_rate = [1e-3, 1e-2, 1e-1], activation = ["relu", "elu"] }

[[model]]
recipe = "beta_vae"
hidden = [8]

[[model]]
recipe = "discrete_vae"
hidden = [8]

[[model]]
recipe = "ae"
hidden = [8]

[[model]]
recipe = "gan"
hidden = [8]
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "gan"
hidden = [8]
binarisation = "none"
dequantisation = "uniform"
assume = { n_data = 2, n_temperatures = 2, n_leapfrog = 1 }

[[model]]
recipe = "linear_vae"
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "linear_gaussian"
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "independent_pixels"
"""
TRAINED = ["beta_vae", "discrete_vae", "ae", "gan", "linear_vae"]
STOP = """
import os, signal, sys
from genbench.results.run_folder import RunFolder
seal, seen = RunFolder.seal, []
def stop(self, **options):
    if len(seen) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(self)
    seal(self, **options)
RunFolder.seal = stop
from genbench.cli import main
main(sys.argv[1:])
"""


def options_of(folder, text=SUITE, **changed):
    folder.mkdir(exist_ok=True)
    file = folder / "small.toml"
    file.write_text(text)
    return RunOptions(str(file), results=folder / "results", device="cpu", jobs=1, **changed)


def without_time(trials):
    return [trial.model_copy(update={"seconds": None}) for trial in trials]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of the whole suite, with its folder."""
    folder = tmp_path_factory.mktemp("searched")
    assert main(["tune", *arguments_of(folder), "--write"]) == 0
    return folder


def arguments_of(folder):
    options = options_of(folder)
    return ["--suite", options.suite, "--results", str(options.results), "--jobs=1", "--device=cpu"]


def trials_in(folder):
    return load_suite(str(folder / "small.toml")).trials


def test_every_trained_model_has_as_many_trials_and_steps(searched):
    trials = trials_in(searched)
    assert [trial.model for trial in trials] == [name for name in TRAINED for _ in range(3)]
    assert [trial.trial for trial in trials] == [0, 1, 2] * len(TRAINED)
    assert {trial.steps for trial in trials} == {2}
    settings = [[t.options for t in trials if t.model == name] for name in TRAINED]
    assert settings[0] == settings[1] == settings[2] == settings[3]
    assert [[*setting] for setting in settings[4]] == [["learning_rate"]] * 3


def test_one_criterion_a_family_chooses_the_best_trial(searched):
    trials = trials_in(searched)
    of_model = {name: [t for t in trials if t.model == name] for name in TRAINED}
    found = {name: {trial.metric for trial in mine} for name, mine in of_model.items()}
    exact, bound, error, distance = criteria()
    expected = [bound, exact, error, distance, exact]
    assert found == {name: {metric} for name, metric in zip(TRAINED, expected, strict=True)}
    for mine in of_model.values():
        values = [trial.value for trial in mine]
        best = max(values) if mine[0].better == "higher" else min(values)
        assert [trial.chosen for trial in mine] == [value == best for value in values]


def test_the_criteria_are_about_the_model_and_not_its_objective():
    assert criteria() == ["log_likelihood", "elbo", "reconstruction_mse", "mmd2"]


def test_the_same_command_again_does_nothing(searched, capsys):
    before = {path: path.stat().st_mtime_ns for path in searched.rglob("*") if path.is_file()}
    assert main(["tune", *arguments_of(searched), "--write"]) == 0
    printed = capsys.readouterr()
    assert "nothing to do: 15 runs stored" in printed.err
    assert "small.csv (unchanged)" in printed.out
    del before[searched / "small.toml"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_killed_search_goes_on_and_ends_in_the_same_record(searched, tmp_path):
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", STOP, "tune", *arguments_of(folder), "--write"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "small.csv").exists()
    assert main(["tune", *arguments_of(folder), "--write"]) == 0
    assert without_time(trials_in(folder)) == without_time(trials_in(searched))


def test_only_some_models_are_searched_where_they_are_named(tmp_path):
    trials = search(options_of(tmp_path, models=("ae",))).trials
    assert [(trial.model, trial.trial) for trial in trials] == [("ae", 0), ("ae", 1), ("ae", 2)]
    with pytest.raises(ConfigError, match="no trained model 'independent_pixels'"):
        search(options_of(tmp_path, models=("independent_pixels",)))


def test_a_trial_that_diverges_is_a_result_and_not_chosen(tmp_path):
    text = SUITE.replace("1e-1]", "1e30]")
    found = search(replace(options_of(tmp_path, text), models=("linear_vae",)))
    assert sorted(trial.value is None for trial in found.trials) == [False, False, True]
    assert found.problems == []
    assert [trial.chosen for trial in found.trials].count(True) == 1
    assert len(ranked(found.trials)) == 2


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--write", "--set", "train.epochs=2"], "leave out --set"),
        (["--write", "--trials", "2"], "leave out --trials"),
        (["--write", "--models", "ae"], "leave out --models"),
        (["--trials", "4"], "tune.trials: 4, but there are only 3"),
        (["--trials", "0"], "tune.trials"),
        (["--models", "vae"], "no trained model 'vae'; did you mean"),
    ],
)
def test_a_wrong_command_is_answered_with_its_fault(tmp_path, capsys, flags, part):
    assert main(["tune", *arguments_of(tmp_path), *flags]) == 2
    assert part in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("without", "flags", "part"),
    [
        ("tune = ", [], "has no [tune]"),
        ("tuned = ", ["--write"], 'add the line tuned = "tuned/small.csv"'),
    ],
)
def test_what_the_suite_lacks_is_said(tmp_path, capsys, without, flags, part):
    arguments = arguments_of(tmp_path)
    lines = SUITE.splitlines(keepends=True)
    kept = "".join(line for line in lines if not line.startswith(without))
    (tmp_path / "small.toml").write_text(kept)
    assert main(["tune", *arguments, *flags]) == 2
    assert part in capsys.readouterr().err


def test_a_run_says_where_it_departs_from_its_search(searched):
    said = []
    chosen = next(t for t in trials_in(searched) if t.model == "ae" and t.chosen).options
    kept = [f"model.ae.{key}={value}" for key, value in chosen.items()]
    options = options_of(searched, settings=[*kept, "seeds=1"], models=("ae",))
    run_suite(options, said.append)
    assert not [line for line in said if "small.csv chose" in line]  # nor of models left out
    changed = replace(options, settings=["model.ae.learning_rate=0.5", "seeds=1"])
    run_suite(changed, said.append)
    rate = chosen["learning_rate"]
    told = [line for line in said if "small.csv chose" in line]
    assert told == [f"ae: learning_rate = 0.5, while the search of small.csv chose {rate}"]


def test_a_run_says_that_its_search_was_not_recorded(tmp_path):
    said = []
    run_suite(options_of(tmp_path, models=("independent_pixels",)), said.append)
    assert "small.csv: there is no record of the search; `tune --write` makes it" in said


def test_test_images_decide_nothing(tmp_path):
    """The record has the same bits whatever the test images are."""
    rng = np.random.default_rng(0)
    train = rng.integers(0, 17, (90, 8, 8)).astype(np.uint8)
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        text = SUITE.replace('name = "digits"', 'path = "images.npz", levels = 17')
        options = options_of(folder, text, models=("beta_vae", "ae"))
        test = rng.integers(0, 17, (30, 8, 8)).astype(np.uint8)
        np.savez(folder / "images.npz", x_train=train, x_test=test)
        found.append(search(options))
    assert without_time(found[0].trials) == without_time(found[1].trials)


@pytest.mark.mnist
def test_a_search_opens_no_file_of_test_images(tmp_path):
    home = tmp_path / "data"
    (home / "mnist").mkdir(parents=True)
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (home / "mnist" / name).symlink_to(data_home() / "mnist" / name)
    text = SUITE.replace('"digits"', '"mnist"')
    whole, without = tmp_path / "whole", tmp_path / "without"
    models = ("beta_vae", "ae")
    found = search(options_of(without, text, models=models, data_dir=home))
    assert without_time(found.trials) == without_time(
        search(options_of(whole, text, models=models)).trials
    )
    assert [path.name for path in sorted((home / "mnist").iterdir())] == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
