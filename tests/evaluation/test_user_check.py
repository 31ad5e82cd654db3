"""genbench.check_model: one table of what a user's model and data are, lack, and get wrong."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import genbench
from genbench.evaluation.spec import evaluators
from tests.evaluation.helpers import LINEAR, OF_SAMPLES, Conditional, UserVae
from tests.evaluation.test_user_conversions import BINARY
from tests.evaluation.test_user_methods import DATA, EXACT, WRONG, Sound, own

COLUMNS = ["check", "expected", "found", "verdict", "fix"]


def rows(frame, check):
    return frame[frame.check == check][COLUMNS[1:]].to_numpy().tolist()


@pytest.fixture(scope="module")
def sound():
    LINEAR.train()  # whatever mode another test left it in
    return genbench.check_model(Sound(), DATA)


def test_a_sound_model_passes_and_every_metric_has_a_row(sound):
    assert list(sound.columns) == COLUMNS
    assert set(sound.verdict) == {"pass", "note"}
    metrics = sound.set_index("check").loc[sorted(evaluators)]
    of_samples = metrics.index.isin(OF_SAMPLES)
    assert set(metrics.found[(metrics.verdict == "pass") & ~of_samples]) == {"can be computed"}
    (of_images,) = set(metrics.found[of_samples])
    assert of_images == "the model's images lie in [-1.77, 2.37], not in [0, 1]"
    noted = metrics[(metrics.verdict == "note") & ~of_samples]
    assert dict(zip(noted.index, noted.found, strict=True)) == {
        "label_marginal_log_likelihood": "the model has no given(y)",
        "bits_per_dim": "a density (or a possible one) gives no code length unless the data are"
        " dequantised; a log p(x) of discrete pixels says is_mass = True",
        "iw_extrapolated": "no extrapolation in 1/K: the bias does not fall as 1/K",
        "mmd2": "no validation data for the bandwidth; set the option bandwidth",
        "parzen_log_likelihood": "no validation data to choose the scale on; set the option scale",
    }


def test_methods_are_described_by_what_they_returned(sound):
    assert rows(sound, "model")[0][1] == (
        "Sound, float64 on cpu; in training mode, evaluated in eval mode"  # held by a global
    )
    low, high = DATA.min().item(), DATA.max().item()
    assert rows(sound, "x")[0][1] == f"a tensor (20, 1, 3, 4) of float64, {low:g} to {high:g}"
    found = sound.set_index("check").found
    assert found["prior()"] == "a UnitNormal with batch () and event (3,)"
    assert found["observation_model(z)"] == "a Normal with batch (2, 8) and event (1, 3, 4)"
    assert found["log_prob(x)"] == "a tensor (8,) of float64"
    assert found["sample(n)"] == "a tensor (8, 1, 3, 4) of float64"


def test_metrics_of_samples_are_tried_on_images_alone():
    class Sampler:
        def sample(self, n):
            return torch.rand(n, 1, 3, 4)

    found = genbench.check_model(Sampler(), DATA).set_index("check").loc[OF_SAMPLES]
    assert set(found.found) == {"can be computed on the data set of a name"}
    assert set(found.verdict) == {"pass"}


@pytest.mark.parametrize(("method", "function", "reason"), WRONG)
def test_a_wrong_method_fails_its_check_with_the_words_of_evaluate(method, function, reason):
    frame = genbench.check_model(own(**{method: function}), DATA)
    failed = frame[frame.verdict == "fail"]
    first = failed.iloc[0]
    call, _, said = reason.partition("; expected")[0].partition(") ")
    assert first.check.partition("(")[0] == call.partition("(")[0]
    assert without_sizes(first.found) == without_sizes(said.removesuffix(f": {first.fix}"))
    of_metrics = failed[~failed.check.str.endswith(")")]
    assert len(of_metrics) > 0 or method == "sample"
    assert set(of_metrics.found) <= {f"{check} fails: see there" for check in failed.check}


def without_sizes(text):
    return re.sub(r"\d+", "#", text)


def test_what_is_missing_is_named_with_the_code_that_adds_it():
    class Coder(nn.Module):
        def encode(self, x):
            return x.flatten(1), x.flatten(1)

        def decode(self, z):
            return z

    frame = genbench.check_model(Coder(), DATA)
    assert rows(frame, "posterior(x)") == [
        [
            "a distribution: batch (B,), event (D,)",
            "is not there",
            "note",
            "def posterior(self, x): return Independent(Normal(mean, scale), 1)",
        ]
    ]
    assert rows(frame, "log_likelihood") == [
        ["log_prob(x)", "the model has no log_prob(x)", "note", "add def log_prob(self, x)"]
    ]
    assert rows(frame, "prior_bound")[0][3] == (
        "add def prior(self) and def observation_model(self, z)"
    )
    assert [row[2] for row in rows(frame, "reconstruction_mse")] == ["pass"]
    assert [row[1] for row in rows(frame, "encode(x)")] == [
        "a tensor (8, 12) of float64",
        "the first of two tensors, the mean, is the code",
    ]


def test_a_decoder_without_a_prior_is_tried_on_codes_of_the_posterior_or_not_at_all():
    def without(*missing):
        methods = {name: getattr(Sound, name) for name in dir(Sound) if name[0] != "_"}
        return type("Part", (), {n: m for n, m in methods.items() if n not in missing})()

    call = "observation_model(z)"
    frame = genbench.check_model(without("prior"), DATA)
    assert [row[2] for row in rows(frame, call)] == ["pass"]
    frame = genbench.check_model(without("prior", "posterior"), DATA)
    assert [row[1:3] for row in rows(frame, call)] == [["not tried, since prior() fails", "note"]]
    values = genbench.evaluate(without("prior", "posterior"), DATA, evaluators="elbo")
    assert values.reason.tolist() == ["the model has no prior(), posterior(x)"]


def test_habits_are_notes():
    model = own(
        posterior=lambda self, x: EXACT.posterior(nn.functional.dropout(x)),
        sample=lambda self, n: np.random.default_rng().normal(size=(n, 12)),
        observation_model=lambda self, z: EXACT.observation_model(z.view(len(z), 3)),
    )
    frame = genbench.check_model(model, DATA)
    noted = frame[(frame.verdict == "note") & frame.check.str.endswith(")")]
    assert dict(zip(noted.check, noted.found, strict=True)) == {
        "posterior(x)": "differs from call to call: is dropout still on?",
        "sample(n)": "differs from call to call: its noise is not torch's",
        "observation_model(z)": "was given z with one leading dimension",
    }


def test_nothing_is_changed_or_trained():
    model = UserVae()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    before = torch.get_rng_state()
    frame = genbench.check_model(model, BINARY)
    assert rows(frame, "model")[0][1] == (
        "UserVae, float32 on cpu; in training mode, evaluated in eval mode"
    )
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    pd.testing.assert_frame_equal(frame, genbench.check_model(model, BINARY))


@pytest.mark.parametrize(
    ("model", "x", "check", "found", "fix"),
    [
        (Sound, DATA, "model", "is the class Sound", "pass an object, Sound()"),
        (Sound(), DATA[:0], "x", "is empty", "there is nothing to evaluate"),
        (Sound(), DATA / 0, "x", "20 of 20 data hold NaN or infinite numbers; the first is x[0]",
         ""),
        (UserVae(), BINARY / 2, "x", "from 0 to 0.5, lies outside the support of the observation"
         " model Bernoulli (Boolean())", "binarise it, as by (x >= 0.5).float()"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_model_or_the_data_is_a_failed_check(model, x, check, found, fix):
    frame = genbench.check_model(model, x)
    assert [row[1:] for row in rows(frame, check)] == [[found, "fail", fix]]


def test_a_conditional_model_is_checked_given_its_labels():
    y = torch.arange(20) % 3
    frame = genbench.check_model(Conditional(), DATA, y)
    found = frame.set_index("check").found
    assert found["given(y)"] == "a view with prior, observation_model, posterior"
    assert found["posterior(x)"] == "a Normal with batch (8,) and event (3,)"
    assert found["elbo"] == "can be computed"
    without = genbench.check_model(Conditional(), DATA)
    assert rows(without, "y") == [["labels (N,)", "none", "fail", "pass y"]]


def test_a_data_set_is_named_and_ours_pass_too():
    frame = genbench.check_model(LINEAR, DATA)
    assert set(frame.verdict) == {"pass", "note"}

    class Grey:
        def sample(self, n):
            return torch.rand(n, 64)

    frame = genbench.check_model(Grey(), "digits", dequantisation="uniform", limit=60)
    assert rows(frame, "mmd2")[0][2] == "pass"


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_prints_whole_sentences_that_fit(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    model = own(posterior=lambda self, x: Independent(Normal(x.flatten(1), 1.0), 1))
    text = repr(genbench.check_model(model, DATA))
    assert max(map(len, text.splitlines())) <= width
    assert text.split()[:3] == ["verdict", "check", "found"]
    words = " ".join(text.split())
    assert "with batch (8,) and event (3,), that of prior()" in words
    assert "elbo, iw_log_likelihood," in words
    part = genbench.check_model(model, DATA)[["check", "verdict"]]
    assert repr(part) == repr(pd.DataFrame(part))
