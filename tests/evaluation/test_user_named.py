"""Evaluation under a named protocol: the numbers that a suite stores for the same weights."""

import re

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli

import genbench
from genbench.core.errors import ConfigError, DataError
from genbench.evaluation.user import evaluate
from genbench.results.numbers_frame import completed

METRICS = ("elbo", "iw_log_likelihood", "bits_per_dim", "mmd2", "kl", "reconstruction_mse",
           "active_units", "label_marginal_log_likelihood")  # fmt: skip
OPTIONS = {
    "iw_log_likelihood": {"n_samples": 30},
    "label_marginal_log_likelihood": {"n_samples": 3},
}
SUITE = """
title = "Named"

[data]
name = "digits"
{view}
limit = 120

[train]
epochs = 1
batch_size = 60

{models}

[evaluate]
metrics = {metrics}
iw_log_likelihood = {{ n_samples = 30 }}
label_marginal_log_likelihood = {{ n_samples = 3 }}
"""
MODEL = '[[model]]\nrecipe = "{}"\nhidden = [8]\nlatent_dim = 2\n'
GAUSSIAN = 'observation = { kind = "gaussian", scale = 0.1 }\n'
BINARY = {"binarisation": "dynamic", "limit": 120}
SAME = ("metric", "value", "stderr", "n", "kind", "status", "protocol", "settings", "dataset",
        "split", "unit", "options", "evaluator_version", "health",
        "mc_stderr")  # fmt: skip


def made(folder, view, *recipes, observation=""):
    models = "".join(MODEL.format(recipe) + observation for recipe in recipes)
    path = folder / "named.toml"
    path.write_text(SUITE.format(view=view, models=models, metrics=list(METRICS)))
    results = folder / "results"
    genbench.run(str(path), results=results, device="cpu", report=False)
    return results


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binary")
    return made(folder, 'binarisation = "dynamic"', "vae", "cvae", "gan")


def stored(results, model):
    frame = genbench.load_results("named", results)
    return ordered(frame[frame["model"] == model])


def ordered(frame):
    return frame.sort_values(["metric", "settings"]).reset_index(drop=True)


def require_same(found, expected):
    found = ordered(completed(found))
    for column in SAME:
        a, b = (f[column].astype(object).where(f[column].notna(), None) for f in (found, expected))
        assert a.tolist() == b.tolist(), column
    for said, row in zip(expected["reason"], found["reason"], strict=True):
        assert row.startswith(said)
        assert re.sub(r"(?:; )?k-hat .*: few draws carry the weight, .*", "", row) == said


@pytest.mark.parametrize("name", ["vae", "cvae", "gan"])
def test_a_stored_model_has_its_stored_numbers_bit_for_bit(binary, name):
    model = genbench.load_model("named", name, results=binary)
    found = evaluate(model, "digits", evaluators=METRICS, options=OPTIONS, **BINARY)
    require_same(found, stored(binary, name))


def test_dequantised_data_have_their_code_lengths(tmp_path):
    view = {"dequantisation": "uniform", "limit": 120}
    results = made(tmp_path, 'dequantisation = "uniform"', "vae", observation=GAUSSIAN)
    model = genbench.load_model("named", "vae", results=results)
    found = evaluate(model, "digits", evaluators=METRICS, options=OPTIONS, **view)
    require_same(found, stored(results, "vae"))
    assert found.set_index("metric").status["bits_per_dim"] == "ok"


class Mine:
    """A user's own class around the same weights: everything goes through the adapter."""

    def __init__(self, model):
        self.net = [model]

    def prior(self):
        return self.net[0].prior()

    def posterior(self, x):
        return self.net[0].posterior(x)

    def observation_model(self, z):
        return self.net[0].observation_model(z)


def test_the_same_weights_in_a_class_of_ones_own_have_the_same_numbers(binary):
    model = Mine(genbench.load_model("named", "vae", results=binary))
    found = evaluate(model, "digits", evaluators=METRICS, options=OPTIONS, **BINARY)
    expected = stored(binary, "vae")
    alike = expected["metric"] != "reconstruction_mse"  # the recipe's own encode and decode
    found = ordered(found)
    assert found["value"][alike].tolist() == expected["value"][alike].tolist()
    assert found["protocol"].tolist() == expected["protocol"].tolist()


def test_the_protocol_says_what_was_asked_for(binary):
    model = genbench.load_model("named", "vae", results=binary)
    one = evaluate(model, "digits", evaluators="kl", binarisation="dynamic", data_seed=3, limit=50)
    sizes = "50+50+50 of 1097+200+500 validation(seed=3)"
    assert one["protocol"][0] == f"digits@88b38590/dynamic(seed=3)/{sizes}/mass"
    assert (one["n"][0], one["split"][0], one["dataset"][0]) == (50, "test", "digits")
    whole = evaluate(model, "digits", evaluators="kl", binarisation="dynamic", validation_size=50)
    assert whole["n"][0] == 500
    assert "/1247+50+500 validation(seed=0)/" in whole["protocol"][0]


def test_a_users_model_of_flat_images_is_evaluated_by_name():
    class Flat:
        def prior(self):
            return torch.distributions.Normal(torch.zeros(2), 1.0)

        def posterior(self, x):
            assert x.ndim == 2
            return self.prior().expand((len(x), 2))

        def observation_model(self, z):
            return Bernoulli(probs=torch.full((*z.shape[:-1], 64), 0.5))

    frame = evaluate(Flat(), "digits", binarisation="static", limit=20)
    expected = [-64 * np.log(2)] * 2
    assert frame["value"].tolist() == pytest.approx(expected, rel=1e-6)
    assert set(frame["reason"]) == {"posterior(x) was given x flat"}


def test_images_of_ones_own_are_data_too(tmp_path, binary):
    levels = np.random.default_rng(0).integers(0, 2, size=(60, 8, 8)).astype(bool)
    np.savez(tmp_path / "mine.npz", x_train=levels[:40], x_test=levels[40:])
    model = genbench.load_model("named", "vae", results=binary)
    path = tmp_path / "mine.npz"
    by_path = evaluate(model, path, evaluators=METRICS, options=OPTIONS, binarisation="threshold")
    assert set(by_path["dataset"]) == {"mine"}
    data = genbench.load_data(path, binarisation="threshold")
    assert by_path.set_index("metric").n["elbo"] == len(data.test.x) == 20
    arrays = evaluate(model, data.test.x, evaluators="reconstruction_mse").value[0]
    assert by_path.set_index("metric").value["reconstruction_mse"] == arrays


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("digts",), {}, "did you mean 'digits'"),
        (("digits",), {"binarization": "dynamic"}, "did you mean 'binarisation'"),
        (("digits",), {"binarisation": "dynamc"}, "did you mean 'dynamic'"),
        (("digits",), {"seeds": 3}, "evaluate.seeds: unknown key"),
        (("digits", torch.zeros(3)), {}, "y: the labels of 'digits' come with its data"),
        ((torch.zeros(3, 64),), {"limit": 3}, "limit: x is no data set's name"),
    ],
)
def test_what_does_not_fit_a_name_is_refused(binary, arguments, options, words):
    model = genbench.load_model("named", "vae", results=binary)
    with pytest.raises(ConfigError, match=words):
        evaluate(model, *arguments, **options)


def test_a_file_that_is_missing_is_a_data_error(binary, tmp_path):
    model = genbench.load_model("named", "vae", results=binary)
    with pytest.raises(DataError, match="nowhere"):
        evaluate(model, tmp_path / "nowhere.npz")
