"""Densities of independent pixels and Gaussian mixtures against their formulas."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from genbench.core.seeding import seeded
from genbench.models.densities import (
    IndependentBernoulli,
    IndependentCategorical,
    IndependentGaussian,
)
from genbench.models.mixtures import MixtureDensity, spread
from tests.inference.exact_models import N_PIXELS, SHAPE, correlated_data, fitted

X = correlated_data(400)
OTHER = correlated_data(50, seed=5)


def mixture(covariance="diag", n_components=3, x=X, **options):
    model = MixtureDensity(n_components, SHAPE, covariance, **options)
    model.fit(x)
    return model


def test_bernoulli_pixels_are_counted_with_one_more_of_each():
    x = torch.tensor([[1.0, 0, 0], [1, 1, 0]]).reshape(2, 1, 1, 3)
    model = IndependentBernoulli((1, 1, 3))
    model.fit(x)
    assert np.allclose(model.mean.flatten(), [3 / 4, 2 / 4, 1 / 4], rtol=1e-15)
    expected = [math.log(3 / 4 * 1 / 2 * 3 / 4), math.log(3 / 4 * 1 / 2 * 3 / 4)]
    assert np.allclose(model.log_prob(x).numpy(), expected, rtol=1e-14)


def test_bernoulli_pixels_are_a_mass_over_all_images():
    model = IndependentBernoulli((1, 2, 2))
    model.fit((X[:, :, :2, :2] > 0.5).float())
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).reshape(16, 1, 2, 2)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1, rel=1e-13)


def test_categorical_pixels_are_counted_with_one_more_of_each_level():
    x = torch.tensor([[0.0, 1.0], [0.5, 1.0], [0.5, 1.0]]).reshape(3, 1, 1, 2)
    model = IndependentCategorical((1, 1, 2), n_levels=3)
    model.fit(x)
    assert model.counts.tolist() == [[1, 2, 0], [0, 0, 3]]
    expected = [math.log(2 / 6 * 4 / 6), *[math.log(3 / 6 * 4 / 6)] * 2]
    assert np.allclose(model.log_prob(x).numpy(), expected, rtol=1e-14)
    unseen = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    assert float(model.log_prob(unseen)) == pytest.approx(math.log(1 / 6 * 1 / 6), rel=1e-14)


def test_categorical_pixels_are_a_mass_over_all_images_of_three_levels():
    x = (X[:, :, :2, :2].clamp(0, 1) * 2).round() / 2
    model = IndependentCategorical((1, 2, 2), n_levels=3)
    model.fit(x)
    every = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 4).reshape(81, 1, 2, 2)
    assert float(model.log_prob(every).exp().sum()) == pytest.approx(1, rel=1e-13)


def test_categorical_pixels_of_two_levels_are_bernoulli_pixels():
    x, other = ((part[:, :, :2, :2] > 0.5).float() for part in (X, OTHER))
    models = IndependentCategorical((1, 2, 2), n_levels=2), IndependentBernoulli((1, 2, 2))
    for model in models:
        model.fit(x)
    categorical, bernoulli = (model.log_prob(other).numpy() for model in models)
    assert np.allclose(categorical, bernoulli, rtol=1e-13)


def test_categorical_pixels_are_drawn_as_often_as_they_were_counted():
    levels = torch.tensor([[0, 1, 2, 2, 2, 2], [2, 2, 1, 0, 0, 0]]).T  # (N, pixels)
    model = IndependentCategorical((1, 1, 2), n_levels=3)
    model.fit((levels / 2).reshape(6, 1, 1, 2))
    with seeded(0, "draws"):
        drawn = (model.sample(40_000) * 2).round().long().flatten(1)
    shares = np.stack([np.bincount(pixel, minlength=3) / 40_000 for pixel in drawn.T.numpy()])
    assert np.allclose(shares, np.array([[2, 2, 5], [4, 2, 3]]) / 9, atol=0.012)


def test_every_level_of_256_is_found_again_after_division_in_float32():
    x = (torch.arange(256) / 255).reshape(256, 1, 1, 1)
    model = IndependentCategorical((1, 1, 1))
    model.fit(x)
    assert model.counts.tolist() == [[1] * 256]


def test_the_distribution_of_categorical_pixels_is_that_of_their_log_prob():
    x = torch.randint(3, (9, 1, 2, 2)).double() / 2
    model = IndependentCategorical((1, 2, 2), n_levels=3)
    model.fit(x)
    p = model.distribution()
    assert (p.batch_shape, p.event_shape) == ((), (1, 2, 2))
    assert torch.allclose(p.log_prob(x), model.log_prob(x), rtol=1e-14)


def test_gaussian_pixels_have_their_own_mean_and_a_smallest_scale():
    x = X.clone()
    x[:, 0, 0, 0] = 0.25  # a constant pixel
    model = IndependentGaussian(SHAPE, min_scale=0.05)
    model.fit(x)
    scale = x.numpy().std(0)
    scale[0, 0, 0] = 0.05
    expected = norm(x.numpy().mean(0), scale).logpdf(OTHER.numpy()).sum((1, 2, 3))
    assert np.allclose(model.log_prob(OTHER).numpy(), expected, rtol=1e-12)


def test_no_other_independent_gaussian_explains_the_training_data_better():
    model = IndependentGaussian(SHAPE, 0.01)
    model.fit(X)
    best = float(model.log_prob(X).mean())
    for name, change in (("mean", 0.05), ("scale", 0.05), ("scale", -0.05)):
        before = getattr(model, name).clone()
        getattr(model, name).add_(change)
        assert float(model.log_prob(X).mean()) < best
        getattr(model, name).copy_(before)


@pytest.mark.parametrize("covariance", ["diag", "tied", "full"])
def test_mixture_log_prob_is_that_of_scikit_learn(covariance):
    from sklearn.mixture import GaussianMixture

    theirs = GaussianMixture(
        3, covariance_type=covariance, reg_covar=1e-5, max_iter=200, random_state=4
    ).fit(X.flatten(1).numpy())
    ours = mixture(covariance, seed=4).log_prob(OTHER).numpy()
    assert np.allclose(ours, theirs.score_samples(OTHER.flatten(1).numpy()), rtol=1e-9)


@pytest.mark.parametrize("covariance", ["diag", "tied", "full"])
def test_one_component_is_the_gaussian_of_the_data(covariance):
    x = X.flatten(1).numpy()
    s = np.cov(x.T, bias=True)
    s = (np.diag(np.diag(s)) if covariance == "diag" else s) + 1e-5 * np.eye(N_PIXELS)
    expected = multivariate_normal(x.mean(0), s).logpdf(OTHER.flatten(1).numpy())
    found = mixture(covariance, 1).log_prob(OTHER).numpy()
    assert np.allclose(found, expected, rtol=1e-10)


def test_a_full_mixture_of_one_beats_principal_components_on_the_training_data():
    full = mixture("full", 1, floor=1e-9).log_prob(X).mean()
    assert full > fitted(X).log_prob(X).mean()


@pytest.mark.parametrize("covariance", ["diag", "tied", "full"])
def test_mixture_draws_have_the_mean_and_covariance_of_the_mixture(covariance):
    model = mixture(covariance)
    with seeded(0, "s"):
        flat = model.sample(40_000).flatten(1)
    mean = model.weights @ model.means
    error = (flat.mean(0) - mean).abs()
    assert bool((error < 4.5 * flat.std(0) / math.sqrt(40_000)).all())
    scales = model.scales if covariance != "diag" else torch.diag_embed(model.scales)
    within = (scales @ scales.mT).expand(3, -1, -1)
    centred = model.means - mean
    total = torch.einsum("m,mij->ij", model.weights, within) + torch.einsum(
        "m,mi,mj->ij", model.weights, centred, centred
    )
    largest = float(total.diagonal().max())
    assert torch.allclose(torch.cov(flat.T), total, atol=0.05 * largest)


def test_the_fit_is_decided_by_its_seed_and_its_share_of_the_data():
    a, b = mixture(seed=1), mixture(seed=1)
    assert torch.equal(a.log_prob(OTHER), b.log_prob(OTHER))
    part = mixture(seed=1, n_fit=100)
    assert torch.equal(part.means, mixture(seed=1, x=X[spread(400, 100)]).means)


def test_spread_covers_data_that_are_sorted():
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(3, 10).tolist() == [0, 1, 2]


@pytest.mark.parametrize("x", [X, X.float()])
def test_values_are_double_precision_whatever_the_data(x):
    for model in (mixture(x=x), IndependentGaussian(SHAPE), IndependentBernoulli(SHAPE)):
        assert model.log_prob(x[:3]).dtype is torch.float64


def test_pixels_at_the_smallest_scale_are_counted_with_what_they_add():
    x = OTHER.clone()
    x[:, 0, 0, :2] = 0.25
    model = IndependentGaussian(SHAPE, min_scale=0.01)
    model.fit(x)
    assert model.caution().startswith(f"2 of {N_PIXELS} pixels (nearly) never change")
    nats = norm(0.25, 0.01).logpdf(0.25)
    assert f"allowed, 0.01, sets their density, about {nats:.1f} nats each" in model.caution()
    model.fit(OTHER)
    assert model.caution() == ""


@pytest.mark.parametrize("covariance", ["diag", "tied", "full"])
def test_a_mixture_counts_the_pixels_that_only_its_floor_lets_vary(covariance):
    x = X.clone()
    x[:, 0, 0, :2] = 0.25
    constant = mixture(covariance, x=x, floor=1e-4)
    assert constant.caution().startswith(f"2 of {N_PIXELS} pixels (nearly) never change")
    assert "allowed, 0.01," in constant.caution()
    assert mixture(covariance, floor=1e-4).caution() == ""
