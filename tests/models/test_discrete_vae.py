"""The discrete VAE against sums over all categories and all images."""

import itertools
import math

import pytest
import torch

from genbench.core import capabilities as caps
from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import CategoricalPosterior
from genbench.distributions.observation import BernoulliHead, FixedGaussianHead
from genbench.inference import bounds
from genbench.models import discrete_vae as module
from genbench.models.discrete_vae import DiscreteVae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.draws import randn

SHAPE, K = (1, 2, 2), 5


def discrete_vae(head=None):
    with seeded(0, "init"):
        encoder, decoder = MlpEncoder(4, (6,), "tanh"), MlpDecoder(K, (6,), SHAPE, "tanh")
        posterior = CategoricalPosterior(6, K)
        model = DiscreteVae(encoder, posterior, decoder, head or BernoulliHead(), K).double()
    with torch.no_grad():  # far from the start: categories that differ
        model.categorical.logits.copy_(randn(K))
        model.decoder.output.weight.mul_(6)
        model.posterior_head.linear.weight.mul_(3)
    return model


def all_images():
    bits = list(itertools.product([0.0, 1.0], repeat=4))
    return torch.tensor(bits, dtype=torch.float64).reshape(16, *SHAPE)


def log_joint(model, x):
    """log p(x, z) for every category, (K, B), category by category and pixel by pixel."""
    rows = []
    for k in range(K):
        z = torch.zeros(K, dtype=torch.float64)
        z[k] = 1
        p = model.decoder(z).sigmoid()
        log_px = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
        rows.append(log_px + model.categorical.logits.log_softmax(0)[k])
    return torch.stack(rows)


def test_log_prob_sums_over_all_categories():
    model, x = discrete_vae(), all_images()
    assert torch.allclose(model.log_prob(x), log_joint(model, x).logsumexp(0), rtol=1e-12)


def test_log_prob_is_a_mass_over_all_images():
    total = discrete_vae().log_prob(all_images()).exp().sum()
    assert float(total.detach()) == pytest.approx(1, rel=1e-13)


def test_categories_a_few_at_a_time_give_the_same(monkeypatch):
    model, x = discrete_vae(), all_images()
    whole = model.log_prob(x)
    for limit in (1, 2 * x.numel()):
        monkeypatch.setattr(module, "_NUMBERS", limit)
        assert torch.allclose(model.log_prob(x), whole, rtol=1e-14)


def test_the_kl_has_a_closed_form_and_no_parts():
    model, x = discrete_vae(), all_images()
    q, p = model.posterior(x), model.prior()
    kl, parts = bounds.kl_terms(q, p)
    share = q.probs
    expected = (share * (share.log() - p.probs.log())).sum(1)
    assert torch.allclose(kl, expected, rtol=1e-12)
    assert parts is None


def test_the_elbo_is_below_the_exact_value_by_the_divergence_from_the_true_posterior():
    model, x = discrete_vae(), all_images()
    joint = log_joint(model, x)
    share = model.posterior(x).probs.T  # (K, B)
    elbo = (share * (joint - share.log())).sum(0)
    posterior = joint.log_softmax(0)
    divergence = (share * (share.log() - posterior)).sum(0)
    assert torch.allclose(model.log_prob(x) - elbo, divergence, rtol=1e-9)


def test_the_importance_weighted_bound_rises_to_the_exact_value():
    model, x = discrete_vae(), all_images()
    with torch.no_grad():
        exact = model.log_prob(x)
        gaps = [
            (exact - bounds.iw_log_likelihood(model, x, k, 100, Stream(0))).abs().mean()
            for k in (1, 20, 4000)
        ]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.02


def test_decode_of_probabilities_is_the_mean_image_under_them():
    model, x = discrete_vae(), all_images()
    code = model.encode(x)
    assert torch.equal(code, model.posterior(x).probs)
    images = torch.stack([model.observation_model(z).mean for z in torch.eye(K).double()])
    expected = torch.einsum("bk,kchw->bchw", code, images)
    assert torch.allclose(model.decode(code), expected, rtol=1e-12)
    assert torch.allclose(model.decode(torch.eye(K).double()), images, rtol=1e-12)


def test_samples_are_mean_images_of_categories_drawn_from_the_prior():
    model = discrete_vae()
    with seeded(0, "s"):
        drawn = model.sample(2000)
    images = model.decode(torch.eye(K).double())
    which = torch.cdist(drawn.flatten(1), images.flatten(1)).argmin(1)
    assert torch.allclose(drawn, images[which], rtol=1e-12)
    share = torch.bincount(which, minlength=K) / 2000
    expected = model.prior().probs
    band = 4 * (expected * (1 - expected) / 2000).sqrt()
    assert bool(((share - expected).abs() < band).all())


def test_grey_images_have_a_density():
    model, x = discrete_vae(FixedGaussianHead(0.4)), randn(7, *SHAPE, seed=1)
    means = torch.stack([model.decoder(z) for z in torch.eye(K).double()])  # (K, C, H, W)
    error = (x - means.unsqueeze(1)).square().flatten(2).sum(2)
    log_px = -0.5 * error / 0.16 - 4 * math.log(0.4 * math.sqrt(2 * math.pi))
    expected = (log_px + model.prior().probs.log().unsqueeze(1)).logsumexp(0)
    assert torch.allclose(model.log_prob(x), expected, rtol=1e-12)


def test_a_discrete_vae_has_every_capability_of_a_vae_and_an_exact_density():
    model = discrete_vae()
    assert isinstance(model, (caps.Variational, caps.Autoencodes, caps.HasExactDensity))
    assert isinstance(model, caps.Samples)
