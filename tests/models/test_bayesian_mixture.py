"""The Bayesian mixture's predictive density against evidence ratios and scipy's Student t."""

import math

import numpy as np
import pytest
import torch
from scipy.special import multigammaln
from scipy.stats import dirichlet, multivariate_normal, multivariate_t, wishart

from genbench.core.seeding import seeded
from genbench.models.bayesian_mixture import BayesianMixture
from tests.inference.exact_models import SHAPE, correlated_data

SMALL = (1, 1, 3)
FLOOR = 1e-9


def small_data(n, seed):
    draw = np.random.default_rng(seed)
    mix = np.array([[0.3, 0.0, 0.0], [0.1, 0.2, 0.0], [-0.1, 0.1, 0.1]])
    return torch.from_numpy(draw.normal(size=(n, 3)) @ mix.T + 0.5).reshape(n, *SMALL)


def fitted(n_components, x, shape=SMALL, **options):
    model = BayesianMixture(n_components, shape, floor=FLOOR, **options)
    model.fit(x)
    return model


def log_evidence(x, mean, inverse_scale):
    """log p(X) under a Gaussian-Wishart prior of one datum's weight and D degrees of freedom."""
    n, d = x.shape
    centre = x.mean(axis=0)
    gap = centre - mean
    scatter = (x - centre).T @ (x - centre)
    later = inverse_scale + scatter + n / (1 + n) * np.outer(gap, gap)
    before, after = d, d + n
    return (
        -n * d / 2 * math.log(math.pi)
        + multigammaln(after / 2, d)
        - multigammaln(before / 2, d)
        + before / 2 * np.linalg.slogdet(inverse_scale)[1]
        - after / 2 * np.linalg.slogdet(later)[1]
        - d / 2 * math.log(1 + n)
    )


def test_with_one_component_it_is_the_ratio_of_two_evidences():
    """p(x given X) = p(X, x) / p(X), in closed form: nothing is approximated then."""
    x, new = small_data(12, 0), small_data(6, 1)
    flat = x.reshape(-1, 3).numpy()
    prior = flat.mean(axis=0), np.cov(flat.T)
    before = log_evidence(flat, *prior)
    expected = [
        log_evidence(np.vstack([flat, row]), *prior) - before for row in new.reshape(-1, 3).numpy()
    ]
    assert np.allclose(fitted(1, x).log_prob(new).numpy(), expected, atol=1e-6)


def test_the_density_is_scipys_mixture_of_student_t():
    x, new = correlated_data(300), correlated_data(20, seed=5)
    model = fitted(3, x, SHAPE)
    parts = [
        multivariate_t(mean, scale @ scale.T, df=k).logpdf(new.reshape(20, -1).numpy())
        for mean, scale, k in zip(
            model.means.numpy(), model.scales.numpy(), model.degrees.numpy(), strict=True
        )
    ]
    expected = np.logaddexp.reduce(np.log(model.weights.numpy())[:, None] + parts, axis=0)
    assert np.allclose(model.log_prob(new).numpy(), expected, rtol=1e-10)
    assert float(model.weights.sum()) == pytest.approx(1, rel=1e-14)


def test_it_averages_gaussian_mixtures_over_their_posterior():
    """Mean density over draws of weights, means and precisions from q, within 4 errors."""
    x, new = small_data(40, 2), small_data(3, 3).reshape(-1, 3).numpy()
    model = BayesianMixture(2, SMALL, floor=FLOOR, seed=1)
    model.fit(x)
    posterior = model._posterior(x.flatten(1))
    concentration, counts, means, degrees, covariances = (part.numpy() for part in posterior)
    draw, n_draws = np.random.default_rng(0), 1000
    weights = dirichlet(concentration).rvs(n_draws, random_state=draw)
    density = np.zeros((n_draws, len(new)))
    for m in range(2):
        inverse = np.linalg.inv(covariances[m] * degrees[m])
        precisions = wishart(degrees[m], inverse).rvs(n_draws, random_state=draw)
        for i, precision in enumerate(precisions):
            covariance = np.linalg.inv(precision)
            mean = draw.multivariate_normal(means[m], covariance / counts[m])
            density[i] += weights[i, m] * multivariate_normal(mean, covariance).pdf(new)
    error = density.std(axis=0) / math.sqrt(n_draws)
    found = model.log_prob(torch.from_numpy(new).reshape(-1, *SMALL)).exp().numpy()
    assert (np.abs(density.mean(axis=0) - found) <= 4 * error).all()


def test_samples_have_the_moments_of_the_density():
    model = fitted(2, small_data(60, 4))
    with seeded(0, "samples"):
        flat = model.sample(20_000).reshape(-1, 3).numpy()
    weights, means, k = model.weights.numpy(), model.means.numpy(), model.degrees.numpy()
    shapes = [scale @ scale.T for scale in model.scales.numpy()]
    mean = weights @ means
    error = flat.std(axis=0) / math.sqrt(len(flat))
    assert (np.abs(flat.mean(axis=0) - mean) <= 4 * error).all()
    within = sum(w * s * v / (v - 2) for w, s, v in zip(weights, shapes, k, strict=True))
    between = sum(w * np.outer(m - mean, m - mean) for w, m in zip(weights, means, strict=True))
    squares = (flat - mean) ** 2
    error = squares.std(axis=0) / math.sqrt(len(flat))
    assert (np.abs(squares.mean(axis=0) - np.diag(within + between)) <= 4 * error).all()


def test_few_data_give_heavier_tails_than_the_plug_in_density():
    x = small_data(8, 5)
    far = torch.full((1, *SMALL), 4.0, dtype=torch.float64)
    flat = x.reshape(-1, 3).numpy()
    plug_in = multivariate_normal(flat.mean(axis=0), np.cov(flat.T)).logpdf(np.full(3, 4.0))
    assert float(fitted(1, x).log_prob(far)) > plug_in + 10


def test_a_small_concentration_leaves_components_empty():
    x = small_data(200, 6)
    used = [
        int((fitted(6, x, concentration=c, seed=2).weights > 0.02).sum()) for c in (1e-3, 100.0)
    ]
    assert used[0] < used[1]
