"""The linear VAE against its closed form, at any parameters (Lucas et al. 2019)."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from genbench.core import capabilities as caps
from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import (
    BernoulliHead,
    FixedGaussianHead,
    PixelGaussianHead,
    SharedGaussianHead,
)
from genbench.inference import bounds
from genbench.models.linear_vae import LinearVae, is_linear
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.draws import randn
from tests.inference.exact_models import LATENT_DIM, N_PIXELS, SHAPE, correlated_data, fitted

X = correlated_data(300)
PPCA = fitted(X)


def linear_vae(head=None, latent_dim=LATENT_DIM):
    """A model far from any optimum: M = W^T W + s2 I is anything but diagonal."""
    with seeded(0, "init"):
        model = LinearVae(
            MlpEncoder(N_PIXELS, (), "relu"),
            ConstantScaleNormal(N_PIXELS, latent_dim),
            MlpDecoder(latent_dim, (), SHAPE, "relu"),
            head or FixedGaussianHead(0.6),
            latent_dim,
        )
    return model.double()


def with_best_posterior(model):
    """Give the encoder the best diagonal posterior: V = M^-1 W^T, d_i = s2 / M_ii."""
    W, b, s2 = (t.detach() for t in model.linear_parameters())
    m = W.T @ W + s2 * torch.eye(W.shape[1], dtype=torch.float64)
    v = torch.linalg.solve(m, W.T)
    with torch.no_grad():
        model.posterior_head.linear.weight.copy_(v)
        model.posterior_head.linear.bias.copy_(-v @ b)
        model.posterior_head.log_scale.copy_(0.5 * (s2 / m.diagonal()).log())
    return model, m


def at_the_optimum():
    """The maximum of the likelihood, with the best posterior."""
    model = linear_vae(SharedGaussianHead())
    with torch.no_grad():
        model.decoder.output.weight.copy_(PPCA.W)
        model.decoder.output.bias.copy_(PPCA.mean)
        model.observation_head.log_scale.copy_(0.5 * PPCA.s2.log())
    return with_best_posterior(model)[0]


def exact_terms(model, x):
    """E_q[log p(x|z)] and the KL per dimension by their Gaussian formulas, no draws."""
    W, b, s2 = model.linear_parameters()
    q = model.posterior(x).base_dist
    error = (x.flatten(1) - b - q.loc @ W.T).square().sum(1)
    trace = (q.scale.square() * W.square().sum(0)).sum(1)
    log_px_z = -0.5 * (N_PIXELS * (2 * math.pi * s2).log() + (error + trace) / s2)
    return log_px_z, 0.5 * (q.scale.square() + q.loc.square() - 1 - q.scale.square().log())


def spectrum():
    return np.linalg.eigvalsh(np.cov(X.flatten(1).numpy().T, bias=True))[::-1].copy()


@pytest.mark.parametrize("head", [FixedGaussianHead(0.6), SharedGaussianHead(0.6)])
@pytest.mark.parametrize("latent_dim", [1, 3, 15])
def test_log_prob_is_the_density_of_the_marginal_gaussian_for_any_weights(head, latent_dim):
    model = linear_vae(head, latent_dim)
    W, b = model.decoder.output.weight.detach(), model.decoder.output.bias.detach()
    covariance = W @ W.T + 0.36 * torch.eye(N_PIXELS, dtype=torch.float64)
    expected = multivariate_normal(b.numpy(), covariance.numpy()).logpdf(X.flatten(1).numpy())
    assert np.allclose(model.log_prob(X).detach().numpy(), expected, rtol=1e-6)  # 0.6 in float32
    if isinstance(head, FixedGaussianHead):
        assert np.allclose(model.log_prob(X).detach().numpy(), expected, rtol=1e-12)


def test_true_posterior_is_proportional_to_the_joint():
    """log p(z) + log p(x|z) - log p(z|x) is log p(x) for every z, far from the data too."""
    model, x = linear_vae(), X[:10]
    z = 4 * randn(8, 1, LATENT_DIM, seed=2).expand(8, 10, LATENT_DIM)
    log_w = (
        model.prior().log_prob(z)
        + model.observation_model(z).log_prob(x)
        - model.true_posterior(x).log_prob(z)
    )
    assert torch.allclose(log_w, model.log_prob(x).expand(8, 10), rtol=1e-11)


def test_gap_of_the_best_diagonal_posterior_is_the_same_for_every_datum():
    """log p(x) - ELBO = 1/2 [sum_i ln M_ii - ln |M|]."""
    model, m = with_best_posterior(linear_vae())
    log_px_z, kl = exact_terms(model, X)
    gap = model.log_prob(X) - (log_px_z - kl.sum(1))
    expected = 0.5 * (m.diagonal().log().sum() - torch.logdet(m))
    assert float(expected.detach()) > 0.01
    assert torch.allclose(gap, expected.expand_as(gap), rtol=1e-10)


def test_another_posterior_leaves_a_larger_gap():
    model, _ = with_best_posterior(linear_vae())
    best = (model.log_prob(X) - exact_terms(model, X)[0] + exact_terms(model, X)[1].sum(1)).mean()
    for change in (0.1, -0.1):
        with torch.no_grad():
            model.posterior_head.log_scale.add_(change)
            log_px_z, kl = exact_terms(model, X)
            assert (model.log_prob(X) - log_px_z + kl.sum(1)).mean() > best
            model.posterior_head.log_scale.sub_(change)


def test_the_estimated_elbo_agrees_with_the_formula():
    model, _ = with_best_posterior(linear_vae())
    log_px_z, kl = exact_terms(model, X)
    with seeded(0, "z"), torch.no_grad():
        terms = bounds.elbo_terms(model, X, 200)
    assert torch.allclose(terms.kl_per_dim, kl, rtol=1e-10)
    stderr = float((terms.log_px_given_z - log_px_z).std().detach()) / math.sqrt(len(X))
    assert abs(float((terms.log_px_given_z - log_px_z).mean().detach())) < 4 * stderr


def test_every_log_weight_under_the_optimum_is_log_p():
    model = at_the_optimum()
    q = bounds.posterior_of(model, X)
    with seeded(0, "z"), torch.no_grad():
        log_w = bounds.log_weights(model, X, bounds.draw(q, 4), q)
    assert torch.allclose(log_w, PPCA.log_prob(X).expand(4, -1), rtol=1e-6)  # its prior is float32
    assert torch.allclose(model.log_prob(X), PPCA.log_prob(X), rtol=1e-10)


def test_at_the_optimum_rate_active_units_and_scales_are_ratios_of_eigenvalues():
    model, s2, top = at_the_optimum(), float(PPCA.s2), spectrum()[:LATENT_DIM]
    kl = exact_terms(model, X)[1].mean(0).detach().numpy()
    assert np.allclose(kl, 0.5 * np.log(top / s2), rtol=1e-10)
    q = model.posterior(X).base_dist
    means = q.loc.var(dim=0, correction=0).detach().numpy()
    assert np.allclose(means, 1 - s2 / top, rtol=1e-10)
    assert np.allclose(q.scale[0].square().detach().numpy(), s2 / top, rtol=1e-10)


def test_the_bound_rises_to_the_exact_value_with_k():
    model, _ = with_best_posterior(linear_vae())
    with torch.no_grad():
        model.posterior_head.log_scale.add_(0.7)
        exact = model.log_prob(X)
        gaps = [
            float((exact - bounds.iw_log_likelihood(model, X, k, 50, Stream(0))).mean())
            for k in (1, 10, 200)
        ]
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.2 * gaps[0]


def test_gradients_of_the_exact_likelihood_reach_the_decoder():
    model = linear_vae(SharedGaussianHead())
    model.log_prob(X).mean().backward()
    for parameter in (*model.decoder.parameters(), *model.observation_head.parameters()):
        assert bool(parameter.grad.any())


def test_a_linear_vae_is_an_ordinary_vae_with_an_exact_density():
    model = linear_vae()
    assert isinstance(model, (caps.Variational, caps.Autoencodes, caps.HasExactDensity))
    assert model.float().log_prob(X.float()).dtype is torch.float64


@pytest.mark.parametrize(
    ("hidden", "head", "expected"),
    [
        ((), FixedGaussianHead(0.3), True),
        ((), SharedGaussianHead(), True),
        ((), BernoulliHead(), False),
        ((), PixelGaussianHead(), False),
        ((5,), SharedGaussianHead(), False),
    ],
)
def test_only_a_linear_decoder_with_one_gaussian_scale_is_accepted(hidden, head, expected):
    decoder = MlpDecoder(2, hidden, SHAPE, "relu")
    assert is_linear(decoder, head) == expected
    if not expected:
        encoder, posterior = MlpEncoder(N_PIXELS, (), "relu"), ConstantScaleNormal(N_PIXELS, 2)
        with pytest.raises(ValueError, match="linear decoder and a single Gaussian scale"):
            LinearVae(encoder, posterior, decoder, head, 2)
