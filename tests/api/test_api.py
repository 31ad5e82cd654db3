"""The Python face: what it returns, what it raises, and recipes of the user's own."""

import dataclasses
import inspect
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import genbench
from genbench.core.errors import ConfigError, RunsFailedError, StorageError
from genbench.recipes import Built, DataFacts, recipes
from genbench.recipes.options import VaeOptions
from genbench.runs.run_options import RunOptions
from genbench.training.config import TrainConfig

SUITE = """
title = "Small"

[data]
name = "digits"
binarisation = "dynamic"
limit = 60

[train]
epochs = 1
batch_size = 30

[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "linear_gaussian"
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = ["elbo", "kl_per_dim", "log_likelihood"]
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def run(suite):
    def go(**arguments):
        return genbench.run(str(suite), **({"report": False, "device": "cpu"} | arguments))

    return go


def test_run_returns_the_frame_that_load_results_returns(run):
    frame = run()
    pd.testing.assert_frame_equal(genbench.load_results("small"), frame)
    assert set(frame["model"]) == {"vae", "linear_gaussian"}
    exact = frame[(frame["model"] == "linear_gaussian") & (frame["metric"] == "log_likelihood")]
    assert math.isfinite(exact["value"].item())


def test_run_takes_every_option_with_its_default():
    stated = inspect.signature(genbench.run).parameters.values()
    options = {field.name: field.default for field in dataclasses.fields(RunOptions)}
    defaults = {parameter.name: parameter.default for parameter in stated}
    assert defaults.pop("progress") is None
    assert list(defaults) == list(options)
    assert {k: v for k, v in defaults.items() if k != "settings"} == {
        k: v for k, v in options.items() if k != "settings"
    }


def test_every_option_arrives(suite, monkeypatch, tmp_path):
    from genbench.api import running

    seen = []
    monkeypatch.setattr(running, "run_and_report", lambda o, say: seen.append(o) or 1 / 0)
    other = {
        "suite": "mnist", "settings": {"train.epochs": 1}, "models": ("vae",), "studies": ("a",),
        "until_decided": 7,
        "plugins": (tmp_path / "mine.py",), "seeds": 2, "limit": 9, "data": tmp_path / "c",
        "device": "cpu", "data_dir": tmp_path, "results": tmp_path / "a",
        "reports": tmp_path / "b", "executor": "ray", "jobs": 2, "shard": "1/2",
        "cpus_per_run": 2, "gpus_per_run": 0.5, "ray_address": "auto", "together": True,
        "fresh": True, "report": False,
    }  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        genbench.run(**other)
    assert dataclasses.asdict(seen[0]) == other | {"settings": ["train.epochs=1"]}


def test_a_stored_suite_is_returned_again_unchanged(run):
    pd.testing.assert_frame_equal(run(), run())


def test_results_live_where_they_are_told_to(run, tmp_path):
    frame = run(results=tmp_path / "there")
    pd.testing.assert_frame_equal(genbench.load_results("small", tmp_path / "there"), frame)
    with pytest.raises(StorageError, match="small"):
        genbench.load_results("small")


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        ({"model.vae.hidden": [4, 3]}, "hidden", (4, 3)),
        ({"model.vae.hidden": (4, 3)}, "hidden", (4, 3)),
        ({"model.vae.activation": "tanh"}, "activation", "tanh"),
        ({"model.vae.latent_dim": np.int64(3)}, "latent_dim", 3),
        (
            {"data.binarisation": "none",
             "model.vae.observation": {"kind": "gaussian", "scale": 0.5}},
            "observation.scale", 0.5,
        ),
    ],
)  # fmt: skip
def test_settings_of_every_type_arrive(run, monkeypatch, settings, field, expected):
    from genbench.api import running

    seen = []
    monkeypatch.setattr(running, "run_and_report", lambda o, say: seen.append(o) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(settings=settings)
    from genbench.suites.spec import expand, load_suite

    suite = load_suite(seen[0].suite, seen[0].settings)
    (spec,) = [s for s in expand(suite) if s.name == "vae"]
    found = spec.options
    for part in field.split("."):
        found = getattr(found, part)
    assert found == expected


@pytest.mark.parametrize("text", ["it's", 'say "so"', "back\\slash", "Zürich", "true", "3"])
def test_a_string_setting_stays_the_string_it_is(suite, text):
    from genbench.api.running import _as_toml
    from genbench.suites.spec import load_suite

    assert load_suite(str(suite), [f"description={_as_toml(text)}"]).description == text


def test_numbers_of_settings_keep_all_their_digits(suite):
    from genbench.api.running import _as_toml
    from genbench.suites.spec import load_suite

    for value in (1e-3, 0.1 + 0.2, 5e-324, 1.7e308):
        raw = load_suite(str(suite), [f"train.learning_rate={_as_toml(value)}"]).train
        assert raw["learning_rate"] == value


def test_failed_runs_raise_after_the_others_are_stored(run):
    with pytest.raises(RunsFailedError, match=r"1 of 2 runs.*\n.*vae seed 0: diverged.*step"):
        run(settings={"model.vae.learning_rate": 1e18})
    stored = genbench.load_results("small")
    assert set(stored[stored["model"] == "vae"]["status"]) == {"diverged"}
    assert "ok" in set(stored[stored["model"] == "linear_gaussian"]["status"])


def test_models_and_seeds_are_chosen(run):
    frame = run(models=["linear_gaussian"], seeds=2, limit=50)
    assert set(frame["model"]) == {"linear_gaussian"}
    assert set(frame["seed"]) == {0, 1}
    assert set(frame["n"].dropna()) == {50}


def test_one_name_is_not_its_letters(run):
    frame = run(models="linear_gaussian")
    pd.testing.assert_frame_equal(frame, run(models=["linear_gaussian"]))
    assert set(frame["model"]) == {"linear_gaussian"}
    with pytest.raises(ConfigError, match="studies: no study 'coins'"):
        run(studies="coins")


def test_the_numbers_come_first_and_print_at_80_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    frame = run()
    assert list(frame.columns[:6]) == ["model", "metric", "value", "stderr", "n", "kind"]
    with pd.option_context("display.max_columns", 0):
        head, first, *rest = repr(frame).splitlines()
    assert head.split()[:4] == ["model", "metric", "value", "stderr"]
    assert float(first.split()[3]) == pytest.approx(frame["value"][0], abs=1e-6)
    assert max(map(len, (head, first, *rest))) <= 80


def test_a_mistake_is_a_config_error(run):
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        run(models=["veo"])


def test_a_recipe_of_the_users_own_runs_from_a_suite_file(run, suite):
    @genbench.recipe("my_vae")
    def my_vae(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
        """The VAE under a name of my own."""
        return recipes["vae"].build(data, options, train)

    try:
        suite.write_text(SUITE + '\n[[model]]\nrecipe = "my_vae"\nhidden = [8]\nlatent_dim = 2\n')
        frame = run()
    finally:
        recipes._entries.pop("my_vae")
    values = {
        name: frame[(frame["model"] == name) & (frame["status"] == "ok")]["value"].tolist()
        for name in ("vae", "my_vae")
    }
    assert len(values["vae"]) == 3
    assert values["my_vae"] == values["vae"]  # the same networks, seeds and data: the same bits


def test_a_recipe_without_options_says_how_to_write_one():
    with pytest.raises(ConfigError, match="YourOptions a subclass of"):

        @genbench.recipe("no_options")
        def no_options(data, train):
            """Wrong."""


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_caller_set_in_torch_changes_no_number(run, tmp_path, jobs):
    plain = run(results=tmp_path / "plain", jobs=jobs)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
            changed = run(results=tmp_path / "changed", jobs=jobs)
            assert torch.is_inference_mode_enabled()
            assert torch.empty(1).device.type == "meta"
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    pd.testing.assert_frame_equal(changed, plain)


def test_the_package_says_what_it_has():
    assert dir(genbench) == sorted(genbench.__all__)
    for name in set(genbench.__all__) - {"__version__"}:
        described = inspect.getdoc(getattr(genbench, name))
        assert described, name
        is_function = inspect.isfunction(getattr(genbench, name))
        assert not is_function or "Raises:" in described, name  # the classes hold values
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        genbench.rum  # noqa: B018


def test_reading_needs_no_torch(run):
    run()
    code = "import sys, genbench; genbench.load_results('small'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("settings", [["train.epochs=1"], "train.epochs=1"])
def test_settings_that_are_no_mapping_are_answered_with_one(settings):
    with pytest.raises(ConfigError, match=r'settings: expected a mapping such as \{"train.epochs"'):
        genbench.run(settings=settings)


@pytest.mark.parametrize("images", [np.zeros((9, 4, 4)), torch.zeros(9, 1, 4, 4)])
@pytest.mark.parametrize(
    "use",
    [
        lambda images: genbench.load_data(images),
        lambda images: genbench.score(images, data=images),
        lambda images: genbench.run(data=images),
    ],
    ids=["load_data", "score", "run"],
)
def test_images_in_the_place_of_their_path_are_named_in_one_line(
    use, images, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        use(images)
    name = type(images).__name__
    assert str(caught.value) == (
        f"data: expected a name or a path, found a {name}; save images by np.savez and give the"
        " path"
    )
