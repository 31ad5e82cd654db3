"""Other people's code: a VAE of two latents with honest and with wrong estimators of log p(x)."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from genbench.certify.own import certify
from genbench.certify.sums import MOST_QUADRATURE
from genbench.core.errors import ConfigError

CONSTANT = math.log(2 * math.pi)


class Vae(nn.Module):
    """A user's VAE with two latents, trained for a second."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 9))

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def posterior(self, x):
        loc, log_scale = self.encoder(x).chunk(2, dim=-1)
        return Independent(Normal(loc, log_scale.exp()), 1)

    def observation_model(self, z):
        return Independent(Bernoulli(logits=self.decoder(z).unflatten(-1, (1, 3, 3))), 3)

    def log_w(self, x, k):
        q = self.posterior(x)
        z = q.rsample((k,))
        log_joint = self.prior().log_prob(z) + self.observation_model(z).log_prob(x)
        return log_joint - q.log_prob(z)

    def log_px_given_z(self, x, k):
        return self.observation_model(self.posterior(x).rsample((k,))).log_prob(x)


def trained(x, y):
    model = Vae()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        optimiser.zero_grad()
        (-model.log_w(x, 1).mean()).backward()
        optimiser.step()
    return model


@pytest.fixture(scope="module")
def model():
    made = []
    certify(lambda x, y: made.append(trained(x, y)) or (lambda x: x.sum((1, 2, 3))))
    return made[0]


def log_mean(log_w, k=None):
    return log_w.logsumexp(0) - math.log(k or len(log_w))


def honest(model, x):
    return log_mean(model.log_w(x, 50))


def bound(model, x):
    return model.log_w(x, 20).mean(0)


def wrong_number_of_draws(model, x):
    return log_mean(model.log_w(x, 121), 100)


def surrogate(model, x):
    log_w = model.log_w(x, 50)
    return (log_w.softmax(0) * log_w).sum(0)


def without_constant_of_q(model, x):
    return honest(model, x) - CONSTANT


def reconstruction(model, x):
    return model.log_px_given_z(x, 20).mean(0)


def mean_over_pixels(model, x):
    return honest(model, x) / 9


def kl_too_small(model, x):
    return 0.2 * bound(model, x) + 0.8 * reconstruction(model, x)


def row(frame, check):
    return frame[frame["check"].str.startswith(check)].iloc[0]


@pytest.mark.parametrize(
    ("claim", "kind", "near"),
    [(honest, "estimate", 1.0), (honest, "lower_bound", 1.0), (bound, "lower_bound", 0.9)],
)
def test_honest_estimates_pass(model, claim, kind, near):
    frame = certify(lambda x, y: model, claim, kind, name="mine")
    assert set(frame["verdict"]) == {"pass"}, frame
    assert row(frame, "sum")["found"] == pytest.approx(near, abs=0.1)
    assert set(frame["subject"]) == {"mine: log_prob"}
    assert set(frame["reason"]) == {""}


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (wrong_number_of_draws, "same factor 1.21: as of a mean over more draws"),
        (surrogate, "weights times log weights"),
        (reconstruction, "reconstruction term E_q[log p(x|z)]: the KL is missing"),
        (mean_over_pixels, "means over 9 pixels"),
        (kl_too_small, "the KL has the weight 0.2"),
    ],
)
def test_a_bound_that_sums_to_more_than_one_gets_the_name_of_its_fault(model, claim, words):
    frame = certify(lambda x, y: model, claim, "lower_bound")
    found = row(frame, "sum")
    assert found["verdict"] == "fail"
    assert found["found"] > 1.02
    assert "more than one" in found["reason"]
    assert row(frame, "sum")["expected"] == "at most 1"
    assert words in found["reason"]


def test_a_dropped_constant_makes_an_estimate_too_small(model):
    found = row(certify(lambda x, y: model, without_constant_of_q, "estimate"), "sum")
    assert found["verdict"] == "fail"
    assert found["found"] == pytest.approx(1 / (2 * math.pi), abs=0.01)
    assert "constant of a Gaussian log density in 2 dimensions: that of log q" in found["reason"]


# --- what comes back from a function that is no log p(x) at all ---------------------------------


def certified(function, kind="exact", **more):
    return certify(lambda x, y: function, kind=kind, **more)


def uniform(x):
    return torch.full((len(x),), -9 * math.log(2))


def test_an_exact_claim_passes_as_a_tensor_an_array_or_a_list():
    for function in (uniform, lambda x: uniform(x).numpy(), lambda x: uniform(x).tolist()):
        frame = certified(function)
        assert frame["verdict"].tolist() == ["pass"] * 4
        assert row(frame, "sum")["found"] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: -uniform(x), "the sign is wrong"),
        (lambda x: uniform(x).exp(), "their logarithm is missing"),
        (lambda x: uniform(x) / math.log(2), "these are bits"),
        (lambda x: uniform(x) / 9, "means over 9 pixels"),
        (lambda x: uniform(x) + 9 * math.log(2), "taken for the probability of levels"),
        (lambda x: uniform(x) + 1.5 * CONSTANT, "3 dimensions: that of log p is left out"),
    ],
)
def test_faults_show_in_the_values_of_a_function_alone(function, words):
    assert words in row(certified(function), "sum")["reason"]


def test_a_negative_code_length_is_impossible():
    def sure(x):
        return torch.where(x.sum((1, 2, 3)) == 0, 0.1, -90.0)

    found = row(certified(sure), "largest log p(x)")
    assert (found["verdict"], found["found"]) == ("fail", pytest.approx(0.1))
    assert "code length of an image is negative" in found["reason"]


def test_densities_are_integrated_over_the_plane():
    density = Independent(Normal(torch.full((1, 1, 2), 0.5), 0.3), 3).log_prob
    assert set(certified(density, data="density")["verdict"]) == {"pass"}
    wrong = certified(lambda x: density(x) + CONSTANT, data="density")
    assert row(wrong, "sum over the 1x2 density world")["verdict"] == "fail"


class Uniform:
    """Uniform between -0.1 and 1.1, with a constant too much."""

    def __init__(self, constant):
        self.constant = constant

    def pixel_bounds(self):
        return (-0.1, 1.1)

    def log_prob(self, x):
        outside = ((x <= -0.1) | (x >= 1.1)).flatten(1).any(dim=1)
        log_px = torch.full((len(x),), self.constant - 2 * math.log(1.2))
        return log_px.masked_fill(outside, -math.inf)


def test_a_density_that_ends_is_integrated_between_its_bounds():
    for constant, verdict in ((0.0, "pass"), (0.01, "fail"), (-0.01, "fail")):
        found = row(certified(Uniform(constant), data="density"), "sum over the 1x2 density world")
        assert found["verdict"] == verdict
        assert found["found"] == pytest.approx(math.exp(constant), abs=1e-4)


def test_a_model_with_methods_is_certified_by_what_the_evaluators_make_of_it(model):
    class Wrong(Vae):
        """Its log q(z|x) is too low by a constant."""

        def posterior(self, x):
            q = super().posterior(x)
            return Wide(q)

    class Wide(Independent):
        def __init__(self, q):
            super().__init__(q.base_dist, 1)

        def log_prob(self, z):
            return super().log_prob(z) - 0.3

    honest = certify(lambda x, y: model)
    assert {check.split()[0] for check in honest["check"]} >= {"sum", "n_samples", "n_temperatures"}
    assert honest[honest["verdict"] == "fail"].empty, honest.to_string()
    wrong = Wrong()
    wrong.load_state_dict(model.state_dict())
    frame = certify(lambda x, y: wrong, name="wrong")
    bounds = frame[frame["subject"] == "wrong: iw_log_likelihood"].iloc[0]
    assert bounds["verdict"] == "fail"
    assert 1.02 < bounds["found"] < math.exp(0.3)  # q is one of two parts of the proposal


def test_a_model_in_float64_gets_images_in_float64():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.logits = nn.Parameter(torch.zeros(9, dtype=torch.float64))

        def log_prob(self, x):
            assert x.dtype == torch.float64
            return (x.flatten(1) @ self.logits) - 9 * math.log(2)

    assert set(certify(lambda x, y: Wide())["verdict"]) == {"pass"}


def test_training_data_are_the_callers_own_and_the_same_each_time():
    seen = []

    def make(x, y):
        seen.append((x.clone(), y, torch.rand(1)))
        x.zero_()
        return uniform

    certify(make)
    certify(make)
    (x, y, drawn), (again, _, repeated) = seen
    assert x.shape == (500, 1, 3, 3)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert set(y.tolist()) == {0, 1}
    assert torch.equal(x, again)
    assert torch.equal(drawn, repeated)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "exakt"}, "did you mean 'exact'"),
        ({"data": "density "}, "did you mean 'density'"),
        ({"seed": -1}, "seed"),
    ],
)
def test_unknown_words_are_answered_with_the_nearest(arguments, words):
    with pytest.raises(ConfigError, match=words):
        certified(uniform, **arguments)


def test_what_claims_nothing_is_refused():
    for made in (3, nn.Linear(9, 1)):
        with pytest.raises(ConfigError, match=r"make_model returned a .*; expected an object with"):
            certified(made)
    with pytest.raises(ConfigError, match="make_model returned the class Vae: return an object"):
        certified(Vae)


def test_the_package_is_the_function():
    import genbench.certify.verdict

    frame = genbench.certify(lambda x, y: uniform)
    assert frame["verdict"].tolist() == ["pass"] * 4
    assert list(frame) == list(genbench.certify.verdict.Verdict._fields)


# --- twice the effort ---------------------------------------------------------------------------


def euler(model, x, n_steps):
    """Log p(x) of uniform images, whose error falls as 1/n."""
    return uniform(x) + 2.0 / n_steps


def draws(model, x, n_samples):
    return log_mean(model.log_w(x, n_samples))


def test_a_solver_with_too_few_steps_moves_and_one_with_enough_does_not():
    few = certify(lambda x, y: None, euler, effort=16)
    found = row(few, "effort 16 to 32")
    assert (found["verdict"], found["expected"]) == ("fail", "stays")
    assert found["reason"] == "the value falls by 0.0625 nats: it has not converged"
    enough = certify(lambda x, y: None, euler, effort=1024)
    assert row(enough, "effort 1024 to 2048")["verdict"] == "pass"


def test_more_draws_may_raise_a_bound(model):
    frame = certify(lambda x, y: model, draws, "lower_bound", effort=2)
    assert set(frame["verdict"]) == {"pass"}
    assert row(frame, "effort 2 to 4")["expected"] == "rises or stays"
    assert row(frame, "effort 2 to 4")["found"] > 0


def test_an_effort_that_makes_no_sense_is_refused():
    for arguments in ({"log_prob": euler, "effort": 0}, {"effort": 16}):
        with pytest.raises(ConfigError, match="effort: expected a whole number from 1"):
            certify(lambda x, y: uniform, **arguments)


class Gaussians:
    """Pixels around a mean image, all with one standard deviation: an exact density."""

    def __init__(self, scale):
        self.scale = scale

    def log_prob(self, x):
        return Normal(0.37, self.scale).log_prob(x).flatten(1).sum(dim=1)


@pytest.mark.parametrize(
    ("scale", "words"),
    [(0.3, ""), (0.05, ""), (0.03, "not checked: the density is narrower"),
     (0.01, "not checked: the density is narrower"), (0.002, "between the points of the grid")],
)  # fmt: skip
def test_a_density_that_a_grid_cannot_see_gets_no_certificate_and_no_blame(scale, words):
    found = certify(lambda x, y: Gaussians(scale), data="density").iloc[-1]
    assert found["verdict"] == ("fail" if words else "pass")
    assert words in found["reason"]


def test_a_wrong_density_that_is_nearly_too_narrow_keeps_its_blame():
    found = certify(
        lambda x, y: lambda x: Gaussians(0.05).log_prob(x) + math.log(5), data="density"
    ).iloc[-1]
    assert found["tolerance"] > MOST_QUADRATURE
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("the probabilities of all images sum to 5, more than one")


class OwnBound:
    """The exact log p(x) of independent pixels, with noise and less ``gap`` nats: a bound drawn."""

    def __init__(self, x, gap):
        self.logits, self.gap = x.mean(dim=0).clamp(0.01, 0.99).logit(), gap

    def elbo_draws(self, x, n):
        log_px = Independent(Bernoulli(logits=self.logits), 3).log_prob(x)
        return log_px - self.gap + 0.1 * torch.randn(n, len(x))


@pytest.mark.parametrize(("gap", "verdict"), [(0.2, "pass"), (0.0, "pass"), (-0.2, "fail")])
def test_a_bound_that_a_model_draws_itself_is_summed(gap, verdict):
    found = certify(lambda x, y: OwnBound(x, gap), name="mine").set_index(["subject", "check"])
    row = found.loc[("mine: elbo", "sum over the 3x3 binary world")]
    assert row["verdict"] == verdict
    assert row["found"] == pytest.approx(math.exp(-gap), rel=0.05)


@pytest.mark.parametrize("kind", ["exact", "lower_bound", "estimate"])
def test_the_sum_in_the_reason_is_the_one_that_was_found(kind):
    def noisy(x):  # e^1/2 times too much in the mean of p(x), 2 times in that of log p(x)
        uniform = -9 * math.log(2) + torch.zeros(len(x), dtype=torch.float64)
        return uniform + math.log(2) + torch.randn(len(x), dtype=torch.float64)

    found = certify(lambda x, y: noisy, kind=kind).iloc[-1]
    expected = 2 if kind == "lower_bound" else 2 * math.exp(0.5)
    assert found["found"] == pytest.approx(expected, rel=0.1)
    assert found["reason"].startswith(
        f"the probabilities of all images sum to {found['found']:.3g}, more than one"
    )


@pytest.mark.parametrize("model", [Vae(), None, 3.0], ids=["model", "None", "number"])
def test_a_model_in_place_of_the_function_that_trains_it_is_named(model):
    name = type(model).__name__
    with pytest.raises(ConfigError, match=f"make_model is a {name}: pass a function of images"):
        certify(model)
