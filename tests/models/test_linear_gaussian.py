"""Probabilistic PCA against its closed form (Tipping and Bishop 1999; Lucas et al. 2019)."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from genbench.core.seeding import seeded
from genbench.models.linear_gaussian import LinearGaussian
from tests.draws import randn
from tests.inference.exact_models import LATENT_DIM, N_PIXELS, SHAPE, correlated_data, fitted

X = correlated_data(500)
MODEL = fitted(X)


def spectrum(x=X):
    flat = x.flatten(1).numpy()
    return np.linalg.eigvalsh(np.cov(flat.T, bias=True))[::-1]


def test_log_prob_is_the_density_of_the_marginal_gaussian():
    covariance = MODEL.W @ MODEL.W.T + MODEL.s2 * torch.eye(N_PIXELS, dtype=torch.float64)
    other = correlated_data(50, seed=5)
    expected = multivariate_normal(MODEL.mean.numpy(), covariance.numpy()).logpdf(
        other.flatten(1).numpy()
    )
    assert np.allclose(MODEL.log_prob(other).numpy(), expected, rtol=1e-11, atol=0)


def test_log_prob_is_that_density_away_from_the_maximum_too():
    model = LinearGaussian(2, (1, 2, 2))
    model.W.copy_(torch.tensor([[1.0, 1], [1, -1], [0, 0], [0, 0]]))  # orthogonal columns
    model.mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0]))
    model.s2.fill_(0.3)
    x = randn(20, 1, 2, 2, seed=3)
    covariance = model.W @ model.W.T + 0.3 * torch.eye(4, dtype=torch.float64)
    expected = multivariate_normal(model.mean.numpy(), covariance.numpy()).logpdf(x.flatten(1))
    assert np.allclose(model.log_prob(x).numpy(), expected, rtol=1e-12, atol=1e-12)


def test_fit_reproduces_the_leading_spectrum_and_the_mean_of_the_rest():
    eigenvalues = spectrum()
    assert float(MODEL.s2) == pytest.approx(eigenvalues[LATENT_DIM:].mean(), rel=1e-12)
    lengths = MODEL.W.square().sum(dim=0).numpy()
    assert np.allclose(lengths, eigenvalues[:LATENT_DIM] - float(MODEL.s2), rtol=1e-10)
    assert np.allclose(MODEL.mean.numpy(), X.flatten(1).mean(0).numpy(), rtol=1e-13)


def test_fewer_images_than_pixels_give_the_same_fit_from_products_of_images():
    few, latent_dim = correlated_data(N_PIXELS - 2), 3
    model = LinearGaussian(latent_dim, SHAPE)
    model.fit(few)
    values, vectors = np.linalg.eigh(np.cov(few.flatten(1).double().numpy().T, bias=True))
    s2 = values[:-latent_dim].mean()
    assert float(model.s2) == pytest.approx(s2, rel=1e-12)
    W = vectors[:, -latent_dim:] * np.sqrt(values[-latent_dim:] - s2)
    assert np.allclose((model.W @ model.W.T).numpy(), W @ W.T, rtol=1e-9, atol=1e-12)


def test_a_thousand_times_as_many_pixels_as_images_need_no_square_of_the_pixels():
    model = LinearGaussian(2, (3, 100, 100))  # a covariance would be 7 GB
    x = randn(30, 3, 100, 100, seed=2)
    model.fit(x)
    assert bool(model.log_prob(x).isfinite().all())
    assert float((model.W.T @ model.W)[0, 1].abs()) < 1e-9 * float(model.W.square().sum())


def test_columns_of_the_fit_are_orthogonal_so_that_the_diagonal_posterior_is_the_true_one():
    gram = MODEL.W.T @ MODEL.W
    off = gram - torch.diag(gram.diagonal())
    assert float(off.abs().max()) < 1e-12 * float(gram.max())


def test_mean_log_prob_of_the_training_data_is_the_closed_form():
    eigenvalues, s2 = spectrum(), float(MODEL.s2)
    d = N_PIXELS
    inside = np.log(eigenvalues[:LATENT_DIM]).sum() + (d - LATENT_DIM) * math.log(s2)
    expected = -0.5 * (d * math.log(2 * math.pi) + inside + d)
    assert MODEL.log_prob(X).mean().item() == pytest.approx(expected, rel=1e-12)


def test_kl_per_dim_averaged_over_the_data_is_half_log_lambda_over_s2():
    q = MODEL.posterior(X).base_dist
    kl = 0.5 * (q.scale.square() + q.loc.square() - 1 - q.scale.square().log())
    expected = 0.5 * np.log(spectrum()[:LATENT_DIM] / float(MODEL.s2))
    assert np.allclose(kl.mean(dim=0).numpy(), expected, rtol=1e-11)


def test_variance_of_the_posterior_means_is_one_minus_s2_over_lambda():
    means = MODEL.posterior(X).mean
    expected = 1 - float(MODEL.s2) / spectrum()[:LATENT_DIM]
    assert np.allclose(means.var(dim=0, correction=0).numpy(), expected, rtol=1e-11)
    scales = MODEL.posterior(X).stddev.square()[0].numpy()
    assert np.allclose(scales, float(MODEL.s2) / spectrum()[:LATENT_DIM], rtol=1e-11)


def test_posterior_is_proportional_to_the_joint():
    """log p(z) + log p(x|z) - log q(z|x) does not depend on z, here for z far from the data."""
    z = 5 * randn(8, 1, LATENT_DIM, seed=2).expand(8, 10, LATENT_DIM)
    log_w = (
        MODEL.prior().log_prob(z)
        + MODEL.observation_model(z).log_prob(X[:10])
        - MODEL.posterior(X[:10]).log_prob(z)
    )
    assert torch.allclose(log_w, MODEL.log_prob(X[:10]).expand(8, 10), rtol=1e-10)


def test_no_other_parameters_explain_the_training_data_better():
    best = MODEL.log_prob(X).mean()
    for seed in range(5):
        other = fitted(X)
        other.mean.add_(0.05 * randn(N_PIXELS, seed=seed))
        assert other.log_prob(X).mean() < best
        other = fitted(X)
        other.s2.mul_(1.2)
        assert other.log_prob(X).mean() < best
        other = fitted(X)
        other.W.mul_(1 + 0.1 * randn(1, LATENT_DIM, seed=seed))
        assert other.log_prob(X).mean() < best


def test_a_larger_latent_explains_the_training_data_better():
    values = [fitted(X, d).log_prob(X).mean().item() for d in range(1, N_PIXELS)]
    assert values == sorted(values)


def test_fit_finds_a_direction_whose_entries_sum_to_zero():
    """Two pixels that move against each other: the leading eigenvector is (1, -1) / sqrt(2)."""
    x = torch.tensor([[2.0, -2], [-2, 2], [1, 1], [-1, -1]], dtype=torch.float64)
    model = LinearGaussian(1, (1, 1, 2))
    model.fit(x.reshape(4, 1, 1, 2))
    covariance = model.W @ model.W.T + model.s2 * torch.eye(2, dtype=torch.float64)
    assert np.allclose(covariance.numpy(), np.cov(x.numpy().T, bias=True), rtol=1e-12)


def test_fit_does_not_depend_on_the_order_of_the_data():
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(fitted(X[order]).W, MODEL.W, rtol=1e-8, atol=1e-10)


def test_samples_have_the_mean_and_covariance_of_the_mean_images():
    with seeded(0, "samples"):
        flat = MODEL.sample(20_000).flatten(1)
    error = (flat.mean(0) - MODEL.mean).abs()
    assert bool((error < 4.5 * flat.std(0) / math.sqrt(20_000)).all())
    assert torch.allclose(
        torch.cov(flat.T), MODEL.W @ MODEL.W.T, atol=0.05 * float(flat.var(0).max())
    )


def test_reconstruction_pulls_towards_the_mean_along_each_direction():
    """decode(encode(x)) - mean = sum_i (1 - s2 / lambda_i) u_i u_i^T (x - mean)."""
    shrink = torch.as_tensor(1 - float(MODEL.s2) / spectrum()[:LATENT_DIM].copy())
    u = MODEL.W / MODEL.W.norm(dim=0)
    centred = X.flatten(1) - MODEL.mean
    expected = (centred @ u * shrink) @ u.T + MODEL.mean
    assert torch.allclose(MODEL.decode(MODEL.encode(X)).flatten(1), expected, rtol=1e-10)


def test_single_precision_data_are_read_in_double_precision():
    single = X.float()
    assert MODEL.log_prob(single).dtype is torch.float64
    assert torch.equal(MODEL.log_prob(single), MODEL.log_prob(single.double()))


@pytest.mark.parametrize("x", [X[:4], X[:1].expand(9, -1, -1, -1)], ids=["few", "equal"])
def test_data_without_variance_beyond_the_components_have_no_density(x):
    with pytest.raises(ValueError, match="no variance beyond 3 principal components"):
        LinearGaussian(3, x.shape[1:]).fit(x)
    LinearGaussian(3, x.shape[1:]).fit(X[:6])
