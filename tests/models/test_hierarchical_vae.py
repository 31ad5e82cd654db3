"""Two layers of latents against the Gaussian that they are where every network is linear."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.nn.functional import softplus

from genbench.core import capabilities as caps
from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import DiagonalNormal
from genbench.distributions.observation import BernoulliHead, FixedGaussianHead
from genbench.inference import bounds
from genbench.models.hierarchical_vae import HierarchicalVae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.importance import NegativeIwBound
from tests.inference.exact_models import N_PIXELS, SHAPE, randn

B, NOISE, UPPER_NOISE = 5, 0.5, 0.5
UP, SHIFT = 0.8, 0.3  # z1 = UP z2 + SHIFT + UPPER_NOISE e
X = randn(B, *SHAPE, seed=4)


def model_of(sizes, hidden=(), upper=(), head=None, seed=0):
    with seeded(seed, "init"):
        encoder = MlpEncoder(N_PIXELS, hidden, "tanh")
        decoder = MlpDecoder(sizes[0], hidden, SHAPE, "tanh")
        posterior = DiagonalNormal(encoder.n_features, sizes[0])
        parts = (encoder, posterior, decoder, head or FixedGaussianHead(NOISE))
        model = HierarchicalVae(*parts, sizes=sizes, hidden=upper, activation="tanh")
    return model.double()


def set_gaussian(head, weight, bias, scale):
    """Make a head N(weight . + bias, diag scale^2) with a scale that does not vary."""
    loc, bias, scale = (torch.as_tensor(v, dtype=torch.float64) for v in (weight, bias, scale))
    loc = loc.reshape(len(bias), -1)
    head.linear.weight.copy_(torch.cat((loc, torch.zeros_like(loc))))
    head.linear.bias.copy_(torch.cat((bias, torch.log(torch.expm1(scale - 1e-6)))))


@pytest.fixture(scope="module")
def linear():
    """A linear model of two numbers whose q is the true posterior, and its weights W and c."""
    model = model_of((1, 1))
    with torch.no_grad():
        W, c = model.decoder.output.weight[:, 0], model.decoder.output.bias
        W.copy_(0.5 * randn(N_PIXELS, seed=5))
        set_gaussian(model.downward[0][1], UP, [SHIFT], [UPPER_NOISE])
        spread = UP**2 + UPPER_NOISE**2  # the variance of z1
        precision = 1 / spread + W @ W / NOISE**2
        gain = W / NOISE**2 / precision
        at_zero = (SHIFT / spread) / precision - gain @ c
        set_gaussian(model.posterior_head, gain, [at_zero], [precision**-0.5])
        back = UP / spread
        deviation = UPPER_NOISE / math.sqrt(spread)
        set_gaussian(model.upward[0][1], back, [-back * SHIFT], [deviation])
    return model.requires_grad_(False)


def exact_log_likelihood(model, x):
    W, c = model.decoder.output.weight[:, 0].numpy(), model.decoder.output.bias.numpy()
    spread = UP**2 + UPPER_NOISE**2
    covariance = spread * np.outer(W, W) + NOISE**2 * np.eye(N_PIXELS)
    return multivariate_normal(W * SHIFT + c, covariance).logpdf(x.flatten(1).numpy())


def test_with_the_true_posterior_every_weight_is_the_exact_likelihood(linear):
    q = bounds.posterior_of(linear, X)
    with seeded(0, "z"):
        log_w = bounds.log_weights(linear, X, bounds.draw(q, 7), q)
    expected = np.broadcast_to(exact_log_likelihood(linear, X), (7, B))
    np.testing.assert_allclose(log_w.numpy(), expected, rtol=1e-10)


def test_with_another_posterior_the_bound_rises_to_the_exact_likelihood(linear):
    q = linear.posterior_head
    bias = q.linear.bias.clone()
    q.linear.bias[0] += 0.1
    try:
        exact = exact_log_likelihood(linear, X).mean()
        one, many = (
            float(bounds.iw_log_likelihood(linear, X, k, None, Stream(0, ("t",))).mean())
            for k in (1, 2000)
        )
    finally:
        q.linear.bias.copy_(bias)
    assert one < exact - 0.05
    assert many == pytest.approx(exact, abs=0.02)


def test_the_mean_of_many_samples_is_that_of_the_model(linear):
    n = 20_000
    with seeded(0, "s"):
        images = linear.sample(n).flatten(1).numpy()
    W, c = linear.decoder.output.weight[:, 0].numpy(), linear.decoder.output.bias.numpy()
    error = np.abs(W) * math.sqrt((UP**2 + UPPER_NOISE**2) / n)
    assert (np.abs(images.mean(0) - W * SHIFT - c) < 4.5 * error).all()


def test_losses_are_the_bounds_of_the_same_draws():
    model = model_of((3, 2, 4), hidden=(6,), upper=(5, 7), head=BernoulliHead())
    x = torch.rand(B, *SHAPE, generator=torch.Generator().manual_seed(1)).round().double()
    q = bounds.posterior_of(model, x)
    with seeded(2, "l"):
        log_w = bounds.log_weights(model, x, bounds.draw(q, 6), q)
    batch = Batch(x, None)
    with seeded(2, "l"):
        elbo = -NegativeElbo(n_samples=6)(model, batch).value
    with seeded(2, "l"):
        weighted = -NegativeIwBound(6)(model, batch).value
    assert torch.allclose(elbo, log_w.mean(), rtol=1e-12)
    assert torch.allclose(weighted, (log_w.logsumexp(0) - math.log(6)).mean(), rtol=1e-12)


def test_every_weight_of_every_layer_is_trained():
    model = model_of((3, 2, 4), hidden=(6,), upper=(5,))
    with seeded(0, "l"):
        loss = NegativeElbo()(model, Batch(X, None)).value
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    assert all(slope.abs().sum() > 0 for slope in slopes)


def test_the_decoder_reads_the_lowest_latent_alone():
    model = model_of((3, 2), hidden=(6,), upper=(5,))
    z = randn(B, 5)
    other = torch.cat((z[:, :3], randn(B, 2, seed=9)), dim=1)
    assert torch.equal(model.decode(z), model.decode(other))


def test_a_code_holds_the_mean_of_each_latent_given_that_of_the_one_below():
    model = model_of((3, 2), hidden=(6,), upper=(5,))
    first = model.posterior_head.linear(model.encoder(X))[:, :3]
    second = model.upward[0](first).mean
    assert torch.equal(model.encode(X), torch.cat((first, second), dim=1))
    assert isinstance(model, caps.Variational)
    assert isinstance(model, caps.Autoencodes)
    with pytest.raises(NotImplementedError):
        _ = model.posterior(X).mean


def test_scales_between_latents_are_positive_whatever_the_network_says():
    model = model_of((1, 1))
    with torch.no_grad():
        model.downward[0][1].linear.bias[1] = -60.0
    z = torch.zeros(1, 1).double()
    scale = model.downward[0](z).base_dist.scale
    assert scale.item() == pytest.approx(1e-6 + float(softplus(torch.tensor(-60.0))), rel=1e-6)
