"""``[features]`` of a suite: somebody's own network, from the file to the table."""

import pytest
import torch
from safetensors.torch import save_file

import genbench
from genbench.core.errors import ConfigError, DataError
from genbench.core.files import sha256_file
from genbench.features import reference
from genbench.features.classifier import Classifier
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite
from genbench.suites.spec import load_suite, tasks_of

SUITE = """
figures = []
[data]
name = "digits"
limit = 60
[features]
weights = "net.safetensors"
[[model]]
recipe = "data"
[evaluate]
metrics = ["vendi", "class_coverage"]
kid = { features = "pca2" }
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    write_network(tmp_path)
    return path


def write_network(folder, shape=(1, 8, 8)):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = Classifier(shape, 4, 10).state_dict()
    save_file({k: v.contiguous() for k, v in weights.items()}, folder / "net.safetensors")


def run(suite):
    places = {"results": suite.parent / "results", "reports": suite.parent / "reports"}
    return genbench.run(str(suite), progress=False, **places)


def test_a_metric_that_leaves_its_features_open_uses_the_network(suite):
    name = f"custom:{sha256_file(suite.with_name('net.safetensors'))[:8]}"
    spaces = {
        task.evaluator.name: task.options.features for task in tasks_of(load_suite(str(suite)))
    }
    assert spaces == {"vendi": name, "class_coverage": name, "kid": "pca2"}


def test_a_suite_is_scored_in_the_features_of_the_network(suite):
    table = run(suite)
    vendi = table[table["metric"].str.startswith("vendi")].iloc[0]
    assert (vendi["status"], vendi["n"]) == ("ok", 60)
    assert "custom:" in vendi["options"]
    kid = table[table["metric"].str.startswith("kid")].iloc[0]
    assert (kid["status"], "pca2" in kid["options"]) == ("ok", True)
    kept = suite.parent / "results" / "mine" / "features"
    assert len(list(kept.glob("custom-*.safetensors"))) == 1
    assert run(suite)["value"].equals(table["value"])


def test_metrics_of_samples_are_not_computed_again(suite):
    run(suite)
    assert run_suite(RunOptions(str(suite), results=suite.parent / "results")).cached


def test_a_model_without_samples_is_said_to_lack_them_in_the_same_column(suite):
    suite.write_text(SUITE + '[[model]]\nrecipe = "ae"\ntrain = { epochs = 1 }\n')
    table = run(suite)
    columns = table[table["metric"] == "vendi"].groupby("options")["model"].agg(list)
    assert list(columns) == [["data", "ae"]]


def test_a_network_of_another_form_is_refused_before_anything_runs(suite):
    write_network(suite.parent, (1, 28, 28))
    with pytest.raises(DataError, match=r"features.weights: .*net.safetensors: dense.0.weight"):
        run(suite)
    assert not (suite.parent / "results" / "mine" / "runs").exists()


def test_a_missing_file_and_an_unknown_key_are_named(suite):
    suite.with_name("net.safetensors").unlink()
    with pytest.raises(DataError, match=r"features.weights: cannot read .*net.safetensors"):
        run(suite)
    suite.write_text(SUITE.replace("weights =", "weight ="))
    with pytest.raises(ConfigError, match=r"features.weight: unknown key; did you mean"):
        run(suite)


class Uniform:
    """A user's own model, which only draws images."""

    def sample(self, n):
        return torch.rand(n, 1, 8, 8)


def test_a_model_that_is_added_stands_in_the_same_columns_on_the_kept_features(suite, monkeypatch):
    before = run(suite)
    monkeypatch.setattr(reference, "_features", lambda *_: pytest.fail("computed anew"))
    places = {"results": suite.parent / "results", "reports": suite.parent / "reports"}
    added = genbench.add(Uniform(), "mine", "uniform", progress=False, **places)
    columns = ["metric", "options", "status"]
    assert (added["status"] == "ok").sum() == 2
    assert set(map(tuple, added[columns].values)) == set(map(tuple, before[columns].values))


def test_a_space_can_be_named_for_a_whole_suite_in_place_of_a_file(suite):
    suite.write_text(SUITE.replace('weights = "net.safetensors"', 'space = "pca3"'))
    tasks = tasks_of(load_suite(str(suite)))
    assert [task.options.features for task in tasks] == ["pca3", "pca3", "pca2"]
    suite.write_text(SUITE.replace("[[model]]", 'space = "pca3"\n[[model]]'))
    with pytest.raises(ConfigError, match="features: weights and space: state one of them"):
        load_suite(str(suite))
