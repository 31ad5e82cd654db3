"""The VAE with a mixture prior against enumeration, the plain VAE, and mixtures in scipy."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal, norm

from genbench.core import capabilities as caps
from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import DiagonalNormal
from genbench.distributions.mixture import MixturePrior
from genbench.distributions.observation import BernoulliHead, FixedGaussianHead
from genbench.inference import bounds
from genbench.models.mixture_vae import LinearMixtureVae, MixtureVae
from genbench.models.vae import Vae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.draws import randn
from tests.inference.exact_models import N_PIXELS, SHAPE

LATENT_DIM, K = 2, 4
X = torch.rand(6, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).round()


def networks(hidden):
    encoder = MlpEncoder(N_PIXELS, hidden, "tanh")
    decoder = MlpDecoder(LATENT_DIM, hidden, SHAPE, "tanh")
    return encoder, DiagonalNormal(encoder.n_features, LATENT_DIM), decoder


def mixture_vae(kind=MixtureVae, n_components=K, hidden=(7,), head=None):
    """A model whose components differ in weight, place and scale."""
    with seeded(0, "init"):
        parts = (*networks(hidden), head or BernoulliHead(), LATENT_DIM)
        model = kind(*parts, n_components=n_components).double()
    with torch.no_grad():
        model.mixture.logits.copy_(randn(n_components, seed=1))
        model.mixture.log_scale.copy_(0.4 * randn(n_components, LATENT_DIM, seed=2))
    return model


def log_joint_of_latents(model, z):
    """log p(z1) + log p(z2 | z1) for every z1 by scipy, (..., K)."""
    mixture = model.mixture
    logits, loc = mixture.logits.detach().numpy(), mixture.loc.detach().numpy()
    scale = mixture.log_scale.detach().exp().numpy()
    each = norm.logpdf(z.numpy()[..., None, :], loc, scale).sum(-1)
    return each + np.log(softmax(logits))


def test_the_prior_sums_over_every_component():
    model, z = mixture_vae(), 2 * randn(5, 3, LATENT_DIM)
    found = model.prior().log_prob(z).detach().numpy()
    expected = logsumexp(log_joint_of_latents(model, z), axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_summing_the_component_out_is_enumerating_it():
    """log sum_z1 p(x, z1, z2) = log p(x, z2) for every z2: the discrete latent costs nothing."""
    model, z = mixture_vae(), randn(8, 6, LATENT_DIM)
    with torch.no_grad():
        log_px_z = model.observation_model(z).log_prob(X).numpy()
        found = (model.prior().log_prob(z) + model.observation_model(z).log_prob(X)).numpy()
    every = log_joint_of_latents(model, z) + log_px_z[..., None]  # (8, 6, K)
    np.testing.assert_allclose(found, logsumexp(every, axis=-1), rtol=1e-12)


def test_draws_fall_to_the_components_by_their_weights():
    prior = MixturePrior(1, 3).double()
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.0, 1.0, -0.5]))
        prior.loc.copy_(torch.tensor([[-50.0], [0.0], [50.0]]))
    with seeded(0, "z"):
        z = prior().sample((4000,))
    share = torch.bincount((z.squeeze(1) / 50).round().long() + 1, minlength=3) / 4000
    expected = torch.as_tensor(softmax([0.0, 1.0, -0.5]))
    band = 4 * (expected * (1 - expected) / 4000).sqrt()
    assert bool(((share - expected).abs() < band).all())


def test_one_standard_component_is_the_plain_vae():
    model = mixture_vae(n_components=1)
    with torch.no_grad():
        model.mixture.loc.zero_()
        model.mixture.log_scale.zero_()
    parts = (model.encoder, model.posterior_head, model.decoder, model.observation_head)
    plain = Vae(*parts, LATENT_DIM).double()
    with torch.no_grad():
        each = []
        for one in (model, plain):
            with seeded(3, "z"):
                each.append(bounds.elbo_terms(one, X, 20, control_variate=True))
        for k in (1, 30):
            pair = [bounds.iw_log_likelihood(m, X, k, None, Stream(0)) for m in (model, plain)]
            assert torch.allclose(*pair, rtol=1e-12)
    assert not each[0].closed_form
    assert each[1].closed_form
    assert torch.allclose(each[0].elbo, each[1].elbo, rtol=1e-12)


def test_the_sampled_divergence_agrees_with_numerical_integration():
    """One latent dimension: KL(q || p) by the trapezoid rule on a fine grid."""
    prior = MixturePrior(1, 3).double()
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[-1.0], [0.5], [2.0]]))
        prior.log_scale.copy_(torch.tensor([[-0.5], [0.2], [-1.0]]))
        p = prior()
    grid = np.linspace(-6, 6, 20_001)
    log_q = norm.logpdf(grid, 0.3, 0.6)
    each = norm.logpdf(grid[:, None], [-1, 0.5, 2], np.exp([-0.5, 0.2, -1.0])) - np.log(3)
    exact = np.trapezoid(np.exp(log_q) * (log_q - logsumexp(each, axis=1)), grid)
    z = 0.3 + 0.6 * randn(50_000, 1)
    ratio = norm.logpdf(z.squeeze(1).numpy(), 0.3, 0.6) - p.log_prob(z).detach().numpy()
    assert abs(ratio.mean() - exact) < 4 * ratio.std() / len(ratio) ** 0.5


def test_a_linear_decoder_gives_a_mixture_of_gaussians_over_images():
    model = mixture_vae(LinearMixtureVae, hidden=(), head=FixedGaussianHead(0.5))
    W, b = (p.detach().numpy() for p in model.decoder.output.parameters())
    flat = X.flatten(1).numpy()
    each = []
    for k in range(K):
        scale = np.exp(model.mixture.log_scale.detach().numpy()[k])
        covariance = (W * scale**2) @ W.T + 0.25 * np.eye(N_PIXELS)
        mean = W @ model.mixture.loc.detach().numpy()[k] + b
        each.append(multivariate_normal(mean, covariance).logpdf(flat))
    weights = softmax(model.mixture.logits.detach().numpy())
    expected = logsumexp(np.stack(each) + np.log(weights)[:, None], axis=0)
    np.testing.assert_allclose(model.log_prob(X).detach().numpy(), expected, rtol=1e-11)


def test_the_bound_rises_to_the_exact_density_of_the_linear_model():
    model = mixture_vae(LinearMixtureVae, hidden=(), head=FixedGaussianHead(0.5))
    with torch.no_grad():
        exact = model.log_prob(X)
        few, many = (
            bounds.iw_log_likelihood(model, X, k, None, Stream(0)).mean() for k in (1, 20_000)
        )
    assert float(few) < float(many)
    assert float(many) == pytest.approx(float(exact.mean()), abs=0.05)


def test_it_has_the_capabilities_of_a_vae():
    assert isinstance(mixture_vae(), caps.Variational)
    assert isinstance(mixture_vae(), caps.Autoencodes)
    assert caps.missing(mixture_vae(), caps.HasExactDensity) == ["log_prob(x)"]
