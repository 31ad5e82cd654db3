"""The VAE of hidden pixels against its closed form, where decoder and prior are linear."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import kl_divergence

from genbench.core import capabilities as caps
from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import StandardNormal
from genbench.inference import bounds
from tests.draws import randn
from tests.models.pixel_models import (
    HIDDEN,
    LATENT_DIM,
    SCALE,
    SHAPE,
    linear_model,
    numbers,
    with_true_posterior,
)

X = 0.5 + randn(40, *SHAPE, seed=3)
both_priors = pytest.mark.parametrize("learned", [True, False])


def exact(model, x):
    """log N(x_hidden; A (V c + v) + B c + b, A diag(t^2) A^T + SCALE^2 I), by scipy."""
    A, B, b, V, v, t = (part.numpy() for part in numbers(model))
    flat = x.flatten(1).numpy()
    hidden, c = flat[:, HIDDEN.numpy()], flat[:, ~HIDDEN.numpy()]
    mean = (c @ V.T + v) @ A.T + c @ B.T + b
    covariance = A @ np.diag(t**2) @ A.T + SCALE**2 * np.eye(len(b))
    zeros = np.zeros(len(b))
    return torch.from_numpy(multivariate_normal(zeros, covariance).logpdf(hidden - mean))


@both_priors
def test_under_the_true_posterior_every_bound_is_the_conditional_density(learned):
    model = with_true_posterior(linear_model(learned=learned))
    view = model.given_pixels(X)
    with torch.no_grad():
        terms = bounds.elbo_terms(view, X, 3, control_variate=True)
        weights = bounds.importance_weights(view, X, 4, None, Stream(0))
    assert torch.allclose(terms.elbo, exact(model, X), rtol=1e-12, atol=1e-11)
    assert torch.allclose(weights.log_mean(), exact(model, X), rtol=1e-12, atol=1e-11)
    assert float(weights.ess().min()) == pytest.approx(4)


@both_priors
def test_draws_of_the_conditional_prior_and_of_a_wrong_posterior_find_the_density(learned):
    """Both means of weights are unbiased for p(x_hidden given c), so their logs lie close to it."""
    model = linear_model(learned=learned)
    view = model.given_pixels(X)
    with torch.no_grad():
        by_prior = bounds.prior_weights(view, X, 20_000, None, Stream(1))
        by_posterior = bounds.importance_weights(view, X, 20_000, None, Stream(2))
    for weights in (by_prior, by_posterior):
        reliable = weights.ess() > 50
        assert reliable.double().mean() > 0.5
        error = (weights.log_mean() - exact(model, X)) / weights.variance().sqrt()
        assert error[reliable].abs().max() < 4
    with torch.no_grad():
        few = bounds.prior_weights(view, X, 2, None, Stream(1)).log_mean()
    assert few.mean() < exact(model, X).mean()


def test_the_kl_is_that_of_the_posterior_to_the_conditional_prior():
    """The view's coordinates, in which the prior is standard, leave it as it is."""
    model = linear_model()
    with torch.no_grad():
        terms = bounds.elbo_terms(model.given_pixels(X), X)
        q = model.posterior_head(model.encoder(X))
        p = model.conditional_prior(model.parts.shown(X))
    assert torch.allclose(terms.kl, kl_divergence(q, p), rtol=1e-12)
    assert terms.kl_per_dim.shape == (len(X), LATENT_DIM)
    assert float(terms.kl.mean()) > 0.1


def test_the_density_is_of_the_hidden_pixels_given_the_shown_ones():
    """Moving a shown pixel changes the law, moving a hidden one only what is scored."""
    model = linear_model()
    z = randn(len(X), LATENT_DIM, seed=8)
    places = HIDDEN.reshape(SHAPE)
    moved = torch.where(places, X + 1, X)
    with torch.no_grad():
        mean = model.given_pixels(X).observation_model(z).mean
        same = model.given_pixels(moved).observation_model(z).mean
        other = model.given_pixels(torch.where(places, X, X + 1)).observation_model(z).mean
        log_p = model.given_pixels(X).observation_model(z).log_prob(X)
    assert torch.equal(mean[:, places], same[:, places])
    assert torch.equal(mean[:, ~places], X[:, ~places])
    assert not torch.allclose(mean[:, places], other[:, places])
    squares = (mean - X)[:, places].square().sum(dim=1)
    n = int(HIDDEN.sum())
    by_hand = -squares / (2 * SCALE**2) - n * np.log(SCALE * np.sqrt(2 * np.pi))
    assert torch.allclose(log_p, by_hand, rtol=1e-12)


def test_completions_copy_the_shown_pixels_and_follow_the_conditional_law():
    model = linear_model()
    one = X[:1].expand(4000, *SHAPE)
    with torch.no_grad(), seeded(0, "sample"):
        images = model.given_pixels(one).sample(4000)
    A, B, b, V, v, t = numbers(model)
    flat, c = images.flatten(1), X[0].flatten()[~HIDDEN]
    assert torch.equal(flat[:, ~HIDDEN], one.flatten(1)[:, ~HIDDEN])
    mean, covariance = A @ (V @ c + v) + B @ c + b, A @ torch.diag(t**2) @ A.T
    hidden = flat[:, HIDDEN]
    stderr = covariance.diagonal().sqrt() / 4000**0.5
    assert ((hidden.mean(0) - mean).abs() < 4 * stderr).all()
    assert torch.allclose(torch.cov(hidden.T), covariance, atol=0.12)


def test_another_number_of_completions_than_bound_images_is_refused():
    with pytest.raises(ValueError, match="cannot complete 3 images: 40 are bound"):
        linear_model().given_pixels(X).sample(3)


def test_without_an_image_there_is_no_density():
    model = linear_model()
    assert caps.missing(model, caps.Variational)
    assert caps.bind(model, None) is model
    assert not caps.missing(caps.bind(model, None, X), caps.Variational)


def test_a_standard_prior_needs_no_coordinates_of_its_own():
    model = linear_model(learned=False)
    view = model.given_pixels(X)
    with torch.no_grad():
        q = model.posterior_head(model.encoder(X))
        assert torch.equal(view.posterior(X).mean, q.mean)
        kl = kl_divergence(q, StandardNormal(LATENT_DIM).double()())
        assert torch.allclose(bounds.elbo_terms(view, X).kl, kl, rtol=1e-12)
