"""The bounds from draws of the prior."""

import math

import pytest
import torch
from scipy.stats import t

from tests.evaluation.helpers import (
    LINEAR,
    Conditional,
    Everything,
    X,
    only,
    outcome,
    outcomes,
    small_gan,
)
from tests.evaluation.test_importance import LOG_PX, repeated
from tests.inference.exact_models import Counting, DiscreteVae, WrongPosterior


def prior_bound_of(x):
    """E_p(z)[log N(x; W z + m, s2)] = -1/2 (D log 2 pi s2 + (|x - m|^2 + |W|^2) / s2)."""
    centred = x.flatten(1) - LINEAR.mean
    inside = centred.square().sum(1) + LINEAR.W.square().sum()
    return -0.5 * (12 * (2 * math.pi * LINEAR.s2).log() + inside / LINEAR.s2)


def test_the_prior_bound_has_its_closed_form():
    found = outcome(LINEAR, "prior_bound", n_samples=200)
    error = (found.per_datum - prior_bound_of(X)).mean().item()
    assert abs(error) < 4 * only(found).mc_stderr


def test_the_error_of_shared_draws_covers_at_its_stated_rate():
    """Of 300 repetitions 95 % of the intervals hold the truth, however many data share the draws.

    A band of 4 binomial deviations: 0.90 to 1.
    """
    rows = [only(outcome(LINEAR, "prior_bound", seed=s, n_samples=50)) for s in range(300)]
    errors = torch.tensor([(r.value - prior_bound_of(X).mean().item()) / r.mc_stderr for r in rows])
    inside = (errors.abs() < t.ppf(0.975, 49)).double().mean().item()
    assert abs(inside - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 300)


def test_all_data_share_the_draws():
    """Equal data have equal values, in whichever block; other data change nothing."""
    whole = outcome(LINEAR, "prior_bound", n_samples=30).per_datum
    moved = outcome(LINEAR, "prior_bound", x=X[250:], n_samples=30).per_datum
    assert torch.allclose(moved, whole[250:], rtol=1e-12)
    twice = outcome(LINEAR, "prior_bound", x=torch.cat((X, X)), n_samples=30)
    assert torch.allclose(twice.per_datum, whole.repeat(2), rtol=1e-12)
    alone = only(outcome(LINEAR, "prior_bound", n_samples=30))
    assert only(twice).mc_stderr == pytest.approx(alone.mc_stderr, rel=1e-10)


def test_each_shared_draw_is_decoded_once():
    model = Counting(Everything())
    outcome(model, "prior_bound", n_samples=40)
    assert sum(model.decoded) == 40


def test_few_shared_draws_have_no_stated_error():
    row = only(outcome(LINEAR, "prior_bound", n_samples=19))
    assert (row.mc_stderr, row.stderr) == (None, None)
    assert row.value < LOG_PX.mean().item()


def test_each_label_has_draws_of_its_own_for_its_data():
    y = torch.arange(len(X)) % 3
    model = Conditional()
    found = outcome(model, "prior_bound", y=y, n_samples=2000)
    moved = X - 0.5 * y.double().reshape(-1, 1, 1, 1)
    error = (found.per_datum - prior_bound_of(moved)).mean().item()
    assert abs(error) < 4 * only(found).mc_stderr
    some = outcome(model, "prior_bound", x=X[y == 1], y=y[y == 1], n_samples=2000)
    assert torch.allclose(some.per_datum, found.per_datum[y == 1], rtol=1e-12)


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
