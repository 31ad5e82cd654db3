"""The bounds, exact values and code lengths as evaluators report them."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal

import genbench
from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.models.densities import IndependentGaussian
from tests.evaluation.helpers import LINEAR, Everything, N, X, only, outcome, outcomes
from tests.inference.exact_models import IgnoresLatent, WrongPosterior, fitted

LOG_PX = LINEAR.log_prob(X)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("elbo", {}),
        ("elbo", {"n_samples": 1}),
        ("iw_log_likelihood", {"n_samples": 1}),
        ("iw_log_likelihood", {"n_samples": 25, "chunk_size": 7}),
        ("log_likelihood", {}),
    ],
)
def test_every_likelihood_is_exact_under_the_true_posterior(name, options):
    found = outcome(LINEAR, name, **options)
    assert torch.allclose(found.per_datum, LOG_PX, rtol=1e-11, atol=0)
    row = only(found)
    assert row.value == pytest.approx(LOG_PX.mean().item(), rel=1e-12)
    assert row.stderr == pytest.approx(LOG_PX.std().item() / math.sqrt(N), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 12])
def test_bounds_are_exact_where_the_latent_is_ignored(k):
    model = IgnoresLatent(X[0])
    expected = model.log_px(X)
    for name in ("elbo", "iw_log_likelihood"):
        found = outcome(model, name, n_samples=k)
        assert torch.allclose(found.per_datum, expected, rtol=1e-12, atol=0)


def test_elbo_falls_short_of_log_px_by_the_kl_to_the_true_posterior():
    model = WrongPosterior(LINEAR)
    found = outcome(model, "elbo", n_samples=200)
    gaps = LOG_PX - found.per_datum
    stderr = gaps.std().item() / math.sqrt(N)
    assert abs(gaps.mean().item() - model.gap()) < 4 * stderr
    assert stderr < model.gap() / 50


def test_iw_bound_lies_between_elbo_and_log_px():
    model = WrongPosterior(LINEAR)
    options = {"iw_log_likelihood": {"n_samples": 50, "proposal": "posterior"}}
    found = outcomes(model, ["elbo", "iw_log_likelihood"], options=options)
    elbo, iw = (each.per_datum for each in found)
    for lower, higher in ((elbo, iw), (iw, LOG_PX)):
        rise = higher - lower
        assert rise.mean().item() > 4 * rise.std().item() / math.sqrt(N)


def test_elbo_is_reconstruction_minus_kl_and_kl_is_the_sum_of_its_parts():
    names = ["elbo", "reconstruction_log_prob", "kl", "kl_per_dim"]
    elbo, distortion, kl, parts = outcomes(Everything(), names)
    gap = elbo.per_datum - (distortion.per_datum - kl.per_datum)
    assert gap.abs().max().item() < 1e-9
    assert only(elbo).value == pytest.approx(only(distortion).value - only(kl).value, abs=1e-9)
    assert sum(row.value for row in parts.rows) == pytest.approx(only(kl).value, abs=1e-9)
    assert [row.metric for row in parts.rows] == [f"kl_per_dim[{i}]" for i in range(3)]


def test_chunks_change_no_number():
    values = [
        outcome(Everything(), "iw_log_likelihood", n_samples=33, chunk_size=c).per_datum
        for c in (1, 8, 33, 500)
    ]
    for other in values[1:]:
        assert torch.allclose(values[0], other, rtol=1e-12, atol=0)


# --- bits per dimension ---


class Pixels:
    """p(x) = a product of fair coins, or a uniform density on [0, 1], whatever the latent."""

    def __init__(self, observation):
        self.observation = observation

    def prior(self):
        return Normal(torch.zeros(2).double(), 1.0)

    def posterior(self, x):
        return Normal(torch.zeros(len(x), 2).double(), 1.0)

    def observation_model(self, z):
        return self.observation(torch.zeros(*z.shape[:-1], 6).double())


def bits(model, x, n_levels=None, options=None):
    task = make_task("bits_per_dim", options)
    return only(evaluate_model(x, None, [task], Context(model, Stream(0), n_levels=n_levels))[0])


def rand(n):
    return torch.rand(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_fair_coins_cost_one_bit_per_pixel():
    row = bits(Pixels(lambda logits: Bernoulli(logits=logits)), rand(20).round())
    assert row.value == pytest.approx(1.0, rel=1e-14)
    assert (row.kind, row.better, row.unit) == ("upper_bound", "lower", "bits/dim")


@pytest.mark.parametrize("n_levels", [2, 17, 256])
def test_a_uniform_density_costs_the_logarithm_of_the_levels(n_levels):
    uniform = Pixels(lambda zeros: torch.distributions.Uniform(zeros, zeros + 1))
    row = bits(uniform, rand(20), n_levels=n_levels)
    assert row.value == pytest.approx(math.log2(n_levels), rel=1e-14)
    assert bits(uniform, rand(20), options={"n_levels": n_levels}).value == row.value


def test_a_mass_is_not_given_the_levels_of_a_density():
    coins = Pixels(lambda logits: Bernoulli(logits=logits))
    assert bits(coins, rand(20).round(), n_levels=256).value == pytest.approx(1.0, rel=1e-14)


def test_a_density_of_data_that_are_not_dequantised_is_no_code_length():
    row = bits(Everything(), X)
    assert (row.status, row.value) == ("not_applicable", None)
    assert "dequantised" in row.reason


def test_an_exact_density_gives_exact_bits():
    row = bits(LINEAR, X, n_levels=256)
    expected = -LOG_PX.mean().item() / math.log(2) / 12 + 8
    assert row.value == pytest.approx(expected, rel=1e-12)
    assert row.kind == "exact"


def test_bits_of_a_bound_are_those_of_the_elbo():
    model = WrongPosterior(LINEAR)
    elbo = only(outcome(model, "elbo"))
    row = only(outcome(model, "bits_per_dim"))
    assert row.value == pytest.approx(-elbo.value / math.log(2) / 12 + 8, rel=1e-12)
    assert row.stderr == pytest.approx(elbo.stderr / math.log(2) / 12, rel=1e-9)
    assert row.kind == "upper_bound"


def test_a_larger_model_of_the_same_family_needs_fewer_bits():
    values = [bits(fitted(X, d), X, n_levels=256).value for d in (1, 2, 3, 6)]
    assert values == sorted(values, reverse=True)
    assert np.diff(values).max() < 0


def test_constant_pixels_are_said_beside_the_density_that_they_set():
    x = torch.rand(120, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    x[:, :, :, :2] = 0.5
    model = IndependentGaussian((1, 4, 4), min_scale=0.01)
    model.fit(x)
    row = genbench.evaluate(model, x, evaluators="log_likelihood").iloc[0]
    each = Normal(0.5, 0.01).log_prob(torch.tensor(0.5)).item()
    assert row.reason == (
        "8 of 16 pixels (nearly) never change in the training images: the smallest scale allowed,"
        f" 0.01, sets their density, about {each:.1f} nats each"
    )
    others = IndependentGaussian((1, 4, 2))
    others.fit(x[..., 2:])
    assert row.value == pytest.approx(8 * each + others.log_prob(x[..., 2:]).mean().item())
