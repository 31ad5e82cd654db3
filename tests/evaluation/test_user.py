"""genbench.evaluate on models of a user's own: methods and nothing else."""

import json
import math
from contextlib import nullcontext

import pandas as pd
import pytest
import torch
from torch import nn
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

import genbench
from genbench.core import devices
from genbench.core.errors import ConfigError
from genbench.evaluation.spec import evaluators
from genbench.evaluation.user import evaluating
from genbench.results.numbers_frame import NUMBERS
from tests.evaluation.helpers import (
    LINEAR,
    SMALL_OPTIONS,
    Labelled,
    PlainVae,
    UserVae,
    X,
    small_gan,
)
from tests.inference.exact_models import WrongPosterior

BINARY = torch.rand(40, 784, generator=torch.Generator().manual_seed(0)).round()
IMAGES = BINARY.reshape(40, 1, 28, 28)
FAST = {"iw_log_likelihood": {"n_samples": 7}}


def small(name):
    return {name: SMALL_OPTIONS[name]} if name in SMALL_OPTIONS else {}


def value(frame, metric):
    (row,) = frame[frame.metric == metric].to_dict("records")
    assert row["status"] == "ok", row["reason"]
    return row["value"]


def test_the_table_has_the_documented_columns_and_dtypes():
    frame = genbench.evaluate(PlainVae(), BINARY.double(), options=FAST)
    assert list(frame.columns) == [
        "model", "metric", "value", "stderr", "n", "kind", "settings", "unit", "better", "seed",
        "status", "mc_stderr", "health", "evaluator_version", "options",
    ]  # fmt: skip
    assert list(frame.metric) == ["elbo", "iw_log_likelihood"]
    assert list(frame.n) == [40, 40]
    assert frame.n.dtype == "Int64"
    assert set(frame.model) == {"PlainVae"}
    asked = {"n_samples": 7, "chunk_size": None, "n_data": None, "proposal": "fitted"}
    assert json.loads(frame.options[1]) == asked
    assert set(frame.status) == {"ok"}


def test_a_plain_class_and_a_fitted_model_give_exact_numbers():
    frame = genbench.evaluate(LINEAR, X, evaluators=("elbo", "iw_log_likelihood", "log_likelihood"))
    expected = LINEAR.log_prob(X).mean().item()
    assert frame.value.tolist() == pytest.approx([expected] * 3, rel=1e-12)
    plain = genbench.evaluate(WrongPosterior(LINEAR, 0.0, 1.0), X, options=FAST)
    assert plain.value.tolist() == pytest.approx([expected] * 2, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("event", [(784,), (1, 28, 28)])
def test_a_module_of_any_dtype_and_event_shape_is_evaluated(dtype, event):
    every = ("elbo", "iw_log_likelihood", "kl", "reconstruction_mse", "active_units")
    exact = genbench.evaluate(UserVae(event).double(), BINARY, evaluators=every, options=FAST)
    found = genbench.evaluate(UserVae(event).to(dtype), IMAGES, evaluators=every, options=FAST)
    assert set(found.status) == {"ok"}
    precision = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.01}[dtype]
    for metric in ("elbo", "iw_log_likelihood"):
        # each dtype draws noise of its own; the spread over data holds the spread of the draws
        spread = 0 if dtype is torch.float64 else 4 * exact.set_index("metric").stderr[metric]
        error = abs(value(found, metric) - value(exact, metric))
        assert error < precision * abs(value(exact, metric)) + spread
    for metric in ("kl", "reconstruction_mse"):
        assert value(found, metric) == pytest.approx(value(exact, metric), rel=precision)


def test_a_forgotten_independent_changes_nothing():
    class Wrapped(UserVae):
        def prior(self):
            return Independent(super().prior(), 1)

        def observation_model(self, z):
            return Independent(super().observation_model(z), 1)

        def posterior(self, x):
            return Independent(super().posterior(x), 1)

    every = ("elbo", "iw_log_likelihood", "kl", "bits_per_dim")
    bare, wrapped = (
        genbench.evaluate(model.double(), BINARY, evaluators=every, options=FAST)
        for model in (UserVae(), Wrapped())
    )
    assert bare.value.tolist() == pytest.approx(wrapped.value.tolist(), rel=1e-13)


class Pixels:
    """A user's model of binary images that states log p(x) and nothing else."""

    is_mass = True

    def __init__(self, shape=(1, 3, 4)):
        self.shape = shape

    def log_prob(self, x):
        return (
            Bernoulli(torch.full(self.shape, 0.4), validate_args=False)
            .log_prob(x)
            .flatten(1)
            .sum(dim=1)
        )


def test_bits_per_dim_of_a_log_prob_are_those_of_a_code_where_it_is_a_mass():
    model, x = Pixels(), torch.rand(50, 1, 3, 4).round()
    row = genbench.evaluate(model, x, evaluators="bits_per_dim").iloc[0]
    assert row.value == pytest.approx(-float(model.log_prob(x).mean()) / (12 * math.log(2)))
    model.is_mass = False
    row = genbench.evaluate(model, x, evaluators="bits_per_dim").iloc[0]
    assert (row.status, "is_mass = True" in row.reason) == ("not_applicable", True)


@pytest.mark.parametrize(("pixels", "status"), [("dynamic", "ok"), ("none", "not_applicable")])
def test_binary_pixels_of_a_named_data_set_make_a_log_prob_a_mass(pixels, status):
    model, chosen = Pixels((1, 8, 8)), {"evaluators": "bits_per_dim", "binarisation": pixels}
    assert genbench.evaluate(model, "digits", **chosen).status.tolist() == ["ok"]  # it says so
    model.is_mass = None
    assert genbench.evaluate(model, "digits", **chosen).status.tolist() == [status]


def test_bits_per_dim_of_a_bernoulli_model_are_those_of_its_elbo():
    frame = genbench.evaluate(PlainVae(), BINARY.double(), evaluators=("elbo", "bits_per_dim"))
    bits = -value(frame, "elbo") / 784 / math.log(2)
    assert value(frame, "bits_per_dim") == pytest.approx(bits, rel=1e-12)


@pytest.mark.parametrize("family", ["transformed", "correlated"])
def test_a_posterior_without_a_known_kl_is_sampled_and_says_so(family):
    scale = torch.tensor([0.5, 0.8, 1.2], dtype=torch.float64)

    class Own(WrongPosterior):
        def posterior(self, x):
            loc = self.model.posterior(x).mean
            if family == "correlated":
                return MultivariateNormal(loc, scale_tril=torch.diag(scale).expand(len(x), 3, 3))
            standard = Normal(torch.zeros_like(loc), 1.0)
            return TransformedDistribution(standard, AffineTransform(loc, scale))

    frame = genbench.evaluate(
        Own(LINEAR), X, evaluators=("kl", "elbo", "kl_per_dim"), options={"kl": {"n_samples": 200}}
    )
    kl, elbo, parts = frame.to_dict("records")
    assert (kl["kind"], elbo["kind"]) == ("estimate", "lower_bound")
    assert "Monte Carlo" in kl["reason"]
    assert "Monte Carlo" in elbo["reason"]
    assert parts["status"] == "not_applicable"
    loc = LINEAR.posterior(X).mean
    exact = 0.5 * (scale.square() + loc.square() - 1 - scale.square().log()).sum(1)
    # var of log q(z) - log p(z) over one draw: z = loc + scale e gives quadratic terms in e
    spread = 0.5 * (scale.square() - 1).square() + (scale * loc).square()
    stderr = math.sqrt(spread.sum(1).mean().item() / 200 / len(X))
    assert abs(kl["value"] - exact.mean().item()) < 4 * stderr


def test_grey_pixels_are_refused_by_a_bernoulli_model_and_the_message_says_what_to_do():
    grey = torch.full((3, 784), 0.5)
    for model in (UserVae(), PlainVae()):
        with pytest.raises(ConfigError, match="outside the support") as caught:
            genbench.evaluate(model, grey.double())
        assert "(Boolean()): binarise" in str(caught.value)


def test_grey_pixels_of_a_named_data_set_are_refused_with_the_option_that_binarises_them():
    class Vae(UserVae):
        def observation_model(self, z):
            return Bernoulli(logits=torch.zeros(len(z), 64))

    with pytest.raises(ConfigError, match=r': binarisation="dynamic" gives binary pixels$'):
        genbench.evaluate(Vae(), "digits", limit=9)


def test_one_grey_pixel_at_the_end_is_enough():
    x = BINARY.clone()
    x[-1, -1] = 0.999
    with pytest.raises(ConfigError, match="binarise"):
        genbench.evaluate(UserVae(), x)


def test_data_that_are_not_numbers_are_refused():
    x = X.clone()
    x[3, 0, 0, 0] = math.nan
    with pytest.raises(ConfigError, match=r"1 of 501 data hold NaN .* the first is x\[3\]"):
        genbench.evaluate(WrongPosterior(LINEAR), x)


def test_no_data_are_an_error_that_says_so():
    with pytest.raises(ConfigError, match="x is empty"):
        genbench.evaluate(UserVae(), BINARY[:0])


def test_a_distribution_that_does_not_state_its_support_is_evaluated():
    class Silent(Normal):
        @property
        def support(self):
            raise NotImplementedError

    class Own(WrongPosterior):
        def observation_model(self, z):
            p = self.model.observation_model(z).base_dist
            return Silent(p.loc, p.scale, validate_args=False)

    frame = genbench.evaluate(Own(LINEAR, 0.0, 1.0), X, options=FAST)
    assert frame.value.tolist() == pytest.approx([LINEAR.log_prob(X).mean().item()] * 2, rel=1e-12)


def test_a_conditional_model_is_evaluated_with_its_labels():
    y = torch.arange(9) % 3
    x = y.double().reshape(-1, 1).expand(9, 3)
    found = genbench.evaluate(Labelled(), x, y, options=FAST)
    expected = -1.5 * math.log(2 * math.pi)
    assert found.value.tolist() == pytest.approx([expected] * 2, rel=1e-12)
    wrong = genbench.evaluate(Labelled(), x, (y + 1) % 3, options=FAST)
    assert (wrong.value < expected - 0.5).all()


def test_a_conditional_model_without_labels_has_rows_that_ask_for_them():
    frame = genbench.evaluate(Labelled(), torch.zeros(4, 3).double())
    assert set(frame.status) == {"not_applicable"}
    assert frame.reason.str.contains("needs labels y").all()
    assert frame.value.isna().all()


def test_labels_of_a_model_that_takes_none_are_ignored():
    with_y = genbench.evaluate(PlainVae(), BINARY.double(), torch.zeros(40), options=FAST)
    pd.testing.assert_frame_equal(
        with_y, genbench.evaluate(PlainVae(), BINARY.double(), options=FAST)
    )


def test_what_does_not_apply_is_a_row_with_the_methods_name():
    frame = genbench.evaluate(small_gan(), X)
    assert list(frame.status) == ["not_applicable"] * 2
    for reason in frame.reason:
        assert reason == "the model has no observation_model(z), posterior(x)"


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'elbo'"):
        genbench.evaluate(PlainVae(), BINARY.double(), evaluators=("elboo",))
    with pytest.raises(ConfigError, match="did you mean 'n_samples'"):
        genbench.evaluate(PlainVae(), BINARY.double(), options={"elbo": {"nsamples": 3}})
    with pytest.raises(ConfigError, match=r"options\.elbow: not evaluated; did you mean 'elbo'"):
        genbench.evaluate(PlainVae(), BINARY.double(), options={"elbow": {}})
    with pytest.raises(ConfigError, match=r"options\.kl: not evaluated"):
        genbench.evaluate(PlainVae(), BINARY.double(), options={"kl": {"n_samples": 3}})


def test_the_same_seed_gives_the_same_table_and_another_seed_another():
    tables = [
        genbench.evaluate(PlainVae(), BINARY.double(), options=FAST, seed=s) for s in (3, 3, 4)
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not (tables[0].value == tables[2].value).any()


@pytest.mark.parametrize("name", sorted(evaluators))
def test_the_users_generator_is_left_where_it_was(name):
    model, x = UserVae(), BINARY
    torch.manual_seed(5)
    before = torch.get_rng_state()
    genbench.evaluate(model, x, evaluators=(name,), options=small(name))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_users_modes_and_weights_are_left_as_they_were():
    model = UserVae()
    model.encoder.eval()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    frame = genbench.evaluate(model, BINARY, options=FAST)
    assert [m.training for m in model.modules()] == modes
    assert model.training
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    # dropout was silent: the numbers are those of a model in eval mode
    quiet = genbench.evaluate(model.eval(), BINARY, options=FAST)
    assert frame.value.tolist() == quiet.value.tolist()
    assert not model.training


def test_the_users_data_are_left_as_they_were():
    x = BINARY.clone()
    genbench.evaluate(UserVae().double(), x, options=FAST)
    assert x.dtype is torch.float32
    assert torch.equal(x, BINARY)


def test_a_degraded_bernoulli_decoder_scores_worse():
    good, bad = UserVae().double(), UserVae().double()
    with torch.no_grad():
        good.decoder.bias.copy_(torch.logit(BINARY.double().mean(0).clamp(0.1, 0.9)))
        bad.decoder.bias.copy_(-good.decoder.bias)
    a, b = (genbench.evaluate(model, BINARY, options=FAST) for model in (good, bad))
    margin = 4 * (a.stderr.pow(2) + b.stderr.pow(2)).pow(0.5)
    assert (b.value < a.value - margin).all()


def test_an_error_in_the_model_is_a_failed_row_with_its_message():
    class Broken(nn.Module):
        def prior(self):
            return Normal(torch.zeros(2), 1.0)

        def observation_model(self, z):
            return Bernoulli(logits=z.new_zeros(*z.shape[:-1], 784))

        def posterior(self, x):
            raise RuntimeError("out of memory")

    frame = genbench.evaluate(Broken(), BINARY)
    assert list(frame.status) == ["failed", "failed"]
    assert list(frame.reason) == ["RuntimeError: out of memory"] * 2
    assert frame.value.isna().all()


def test_modules_inside_a_plain_class_are_evaluated_in_eval_mode_too():
    class Plain:
        def __init__(self):
            self.net = UserVae().double()

        def prior(self):
            return self.net.prior()

        def posterior(self, x):
            return self.net.posterior(x)

        def observation_model(self, z):
            return self.net.observation_model(z)

    model = Plain()
    plain = genbench.evaluate(model, BINARY.double(), options=FAST)
    module = genbench.evaluate(UserVae().double(), BINARY, options=FAST)
    assert plain.value.tolist() == module.value.tolist()  # dropout was silent in both
    assert model.net.training


def test_health_and_monte_carlo_error_are_columns():
    options = {"iw_log_likelihood": {"n_samples": 30}, "elbo": {"n_samples": 1}}
    frame = genbench.evaluate(WrongPosterior(LINEAR), X, options=options)
    elbo, bound = frame.to_dict("records")
    assert (elbo["health"], math.isnan(elbo["mc_stderr"])) == ("{}", True)
    health = json.loads(bound["health"])
    assert set(health) == {"ess", "ess_min", "k_hat", "k_hat_bad", "max_weight"}
    assert bound["mc_stderr"] > 0
    assert bound["health"] == json.dumps(health, sort_keys=True, separators=(",", ":"))


def test_an_evaluator_whose_metric_has_a_row_already_adds_none_where_it_does_not_apply():
    names = ("iw_log_likelihood", "label_marginal_log_likelihood")
    frame = genbench.evaluate(PlainVae(), BINARY.double(), evaluators=names, options=FAST)
    assert list(frame.metric) == ["iw_log_likelihood"]


def test_nothing_but_absent_rows_is_a_table_without_rows():
    frame = genbench.evaluate(
        PlainVae(), BINARY.double(), evaluators=("label_marginal_log_likelihood",)
    )
    assert list(frame.columns) == list(NUMBERS)
    assert len(frame) == 0


def test_labels_of_another_length_are_refused():
    with pytest.raises(ConfigError, match="y has 3 labels for 40 data"):
        genbench.evaluate(PlainVae(), BINARY.double(), torch.zeros(3))


def test_numbers_are_floats_even_where_there_are_none():
    frame = genbench.evaluate(small_gan(), X)
    assert frame.value.dtype == frame.stderr.dtype == float


def test_a_model_on_a_device_without_float64_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(devices, "NARROW", {"cpu"})
    with pytest.raises(ConfigError, match=r"^model is on cpu, which has no float64"):
        genbench.evaluate(PlainVae(), BINARY)
    (line,) = genbench.check_model(PlainVae(), BINARY).to_dict("records")
    assert (line["verdict"], line["fix"]) == ("fail", "pass model.to('cpu')")


def test_evaluation_happens_with_the_models_gpu_as_the_current_one(monkeypatch):
    asked = []
    monkeypatch.setattr(
        evaluating, "on_device", lambda device: asked.append(device) or nullcontext()
    )
    genbench.evaluate(PlainVae(), BINARY, evaluators="kl")
    assert asked == [torch.device("cpu")]
