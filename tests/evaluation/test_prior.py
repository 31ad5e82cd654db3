"""The bounds from draws of the prior."""

import math

from tests.evaluation.helpers import LINEAR, X, only, outcome, outcomes, small_gan
from tests.evaluation.test_importance import LOG_PX, repeated
from tests.inference.exact_models import DiscreteVae, WrongPosterior


def test_the_prior_bound_has_its_closed_form():
    """E_p(z)[log N(x; W z + m, s2)] = -1/2 (D log 2 pi s2 + (|x - m|^2 + |W|^2) / s2)."""
    centred = X.flatten(1) - LINEAR.mean
    inside = centred.square().sum(1) + LINEAR.W.square().sum()
    expected = -0.5 * (12 * (2 * math.pi * LINEAR.s2).log() + inside / LINEAR.s2)
    found = outcome(LINEAR, "prior_bound", n_samples=200)
    error = (found.per_datum - expected).mean().item()
    assert abs(error) < 4 * only(found).mc_stderr


def test_the_prior_bound_lies_below_the_elbo_of_a_useful_posterior():
    names = ["prior_bound", "prior_log_likelihood", "elbo", "iw_log_likelihood"]
    prior, naive, elbo, iw = (only(f).value for f in outcomes(WrongPosterior(LINEAR), names))
    assert prior < elbo < iw < LOG_PX.mean().item()
    assert prior < naive < LOG_PX.mean().item()


def test_naive_monte_carlo_goes_to_log_px_with_k():
    errors = []
    for k in (4, 32, 256):
        values, log_px = repeated(DiscreteVae(), "prior_log_likelihood", k=k)
        errors.append((log_px - values).mean().item())
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 0


def test_the_prior_needs_no_posterior():
    class Generator:
        prior, observation_model = LINEAR.prior, LINEAR.observation_model

    assert only(outcome(Generator(), "prior_bound")).status == "ok"
    assert only(outcome(Generator(), "prior_log_likelihood")).status == "ok"
    assert only(outcome(Generator(), "iw_log_likelihood")).status == "not_applicable"
    assert only(outcome(small_gan(), "prior_bound")).status == "not_applicable"
