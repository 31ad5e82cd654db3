"""Likelihoods under an assumption: the base is trained once, the scale never sees the test data."""

import json

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.models.adapters import WithObservationNoise
from genbench.runs import assume, execute
from genbench.runs.assume import SCALES, Assume, fit_assumption
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite

SUITE = """
title = "Assumed"

[data]
name = "digits"
dequantisation = "uniform"
limit = 60

[train]
epochs = 1
batch_size = 20

[[model]]
recipe = "ae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "ae"
hidden = [8]
latent_dim = 2
assume = { prior = "gaussian", n_data = 20, n_temperatures = 5, n_leapfrog = 2 }

[evaluate]
metrics = ["ais_log_likelihood", "reconstruction_mse"]
ais_log_likelihood = { n_chains = 2, n_temperatures = 5, n_leapfrog = 2, n_data = 10 }
"""
NAME = "ae+gaussian_prior+normal"


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "assumed.toml"
    path.write_text(SUITE)

    def go(*settings, **request):
        known = {"results": tmp_path / "results", "device": "cpu", "report": False} | request
        return run_suite(RunOptions(str(path), settings=settings, **known))

    return go


def records(outcome):
    return {record.spec.name: record for record in outcome.records}


def test_the_row_carries_the_scale_and_the_suite_tells_where_it_was_chosen(run, tmp_path):
    outcome = run()
    scale = records(outcome)[NAME].fitted["scale"]
    assert scale in SCALES
    assert set(outcome.frame["model"]) == {"ae", f"{NAME}({scale:g})"}
    suite = json.loads((tmp_path / "results" / "assumed" / "suite.json").read_text())
    told = suite["runs"][1]
    assert told["model"] == f"{NAME}({scale:g})"
    assert told["fitted"]["chosen_on"] == "validation"
    assert told["measure"] == "density"


def test_only_the_assumption_gives_a_likelihood(run):
    frame = run().frame.set_index(["model", "metric"])
    statuses = frame["status"].unstack()["ais_log_likelihood"]
    assert statuses["ae"] == "not_applicable"
    assert [s for name, s in statuses.items() if name != "ae"] == ["ok"]


def test_the_base_is_trained_once(run, monkeypatch):
    trained = []
    real = execute.fit
    monkeypatch.setattr(execute, "fit", lambda *a: trained.append(1) or real(*a))
    outcome = run()
    assert len(trained) == 1
    values = outcome.frame[outcome.frame["metric"] == "reconstruction_mse"]["value"]
    assert values.nunique() == 1


def test_a_run_with_an_assumption_states_what_the_training_of_its_base_found(run):
    base, assumed = (record.description for record in run("train.epochs=2").records)
    for key in ("selected_epoch", "validation_fall", "validation_fall_stderr", "steps"):
        assert assumed[key] == base[key] is not None


def test_without_the_base_the_same_numbers_come_out(run, tmp_path):
    with_base = run().frame
    alone = run(models=[NAME], results=tmp_path / "other").frame
    wanted = with_base[with_base["model"].str.startswith(NAME)]
    assert alone["value"].tolist() == wanted["value"].tolist()


def test_a_second_call_redoes_nothing_and_a_new_metric_only_itself(run, monkeypatch):
    first = run()
    assert run().cached
    monkeypatch.setattr(execute, "fit", None)
    monkeypatch.setattr(execute, "fit_assumption", None)
    more = run("evaluate.ais_log_likelihood.n_chains=3")
    row = more.frame[
        (more.frame["metric"] == "ais_log_likelihood") & (more.frame["status"] == "ok")
    ]
    assert len(row) == 1
    assert records(more)[NAME].fitted == records(first)[NAME].fitted


def test_a_stated_scale_is_used_and_is_another_run(run):
    chosen, stated = run(), run(f"model.{NAME}.assume.scale=0.25")
    assert f"{NAME}(0.25)" in set(stated.frame["model"])
    ids = [records(outcome)[NAME].train_id for outcome in (chosen, stated)]
    assert ids[0] != ids[1]
    assert records(chosen)["ae"].train_id == records(stated)["ae"].train_id


class _Flat(torch.nn.Module):
    """p(z) = N(0, I) and an image that ignores z: the best scale is known."""

    def __init__(self, image):
        super().__init__()
        self.register_buffer("image", image)

    def prior(self):
        zeros = torch.zeros(2)
        return torch.distributions.Independent(torch.distributions.Normal(zeros, zeros + 1), 1)

    def decode(self, z):
        return self.image.expand(*z.shape[:-1], *self.image.shape)


def _digits():
    return load(DataConfig(name="digits", dequantisation="uniform", limit=50))


def test_the_chosen_scale_is_the_candidate_nearest_to_the_spread_of_the_validation_data():
    data = _digits()
    x = data.held_out("validation").x
    image = data.held_out("train").x.mean(dim=0)
    best = (x - image).square().mean().sqrt().item()
    options = Assume(n_temperatures=2, n_leapfrog=1, n_data=50)
    found = fit_assumption(_Flat(image), options, data, Stream(0)).summary
    exact = {
        s: torch.distributions.Normal(image, s).log_prob(x).sum(dim=(1, 2, 3)).mean().item()
        for s in SCALES
    }
    assert found["scale"] == max(exact, key=exact.__getitem__)
    assert abs(found["scale"] / best - 1) < 0.13
    for scale, value in found["candidates"].items():
        assert value == pytest.approx(exact[float(scale)], rel=1e-3)


def test_the_test_data_do_not_move_the_choice():
    data, other = _digits(), _digits()
    start = other.size("train") + other.size("validation")
    other.levels[start:] = 0
    image = data.held_out("train").x.mean(dim=0)
    options = Assume(n_temperatures=2, n_leapfrog=1, n_data=50)
    found = [fit_assumption(_Flat(image), options, d, Stream(0)).summary for d in (data, other)]
    assert found[0] == found[1]


def test_what_was_fitted_is_stored_and_loaded(run, tmp_path):
    outcome = run()
    record = records(outcome)[NAME]
    data = load(record.spec.data)
    base = execute.build(record.spec, data).model
    model = assume.shell(base, record.spec.assume, data.image_shape)
    folder = tmp_path / "results" / "assumed" / "runs" / record.train_id
    model.load_state_dict(execute.read_weights(folder / "model.safetensors"))
    assert isinstance(model, WithObservationNoise)
    assert float(model.scale) == pytest.approx(record.fitted["scale"])
    assert torch.isfinite(model.prior().log_prob(torch.zeros(2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([f"model.{NAME}.assume.scal=1"], r"assume\.scal: .*did you mean 'scale'"),
        ([f"model.{NAME}.assume.scale=-1"], r"assume\.scale"),
        ([f"model.{NAME}.assume={{scale = 0.1}}"], r"no prior\(\).*an autoencoder needs prior"),
        (
            ["data.dequantisation=none", "data.binarisation=static"],
            "needs pixels that are not binary",
        ),
        (
            ["model.1.recipe=vae", "model.1.observation=unit_gaussian"],
            "already has a likelihood",
        ),
    ],
)
def test_what_cannot_be_assumed_is_refused_before_training(run, settings, message):
    with pytest.raises(ConfigError, match=message):
        run(*settings)
