"""Flow matching against Gaussians, Jacobians and integrals; tests/contracts/ hold the rest.

The best velocity of Gaussian logits is linear, and the flow along it has their density.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal, Normal

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models.flow_matching import FlowMatching
from genbench.nets.denoiser import MlpDenoiser
from tests.draws import randn
from tests.models.test_flow import assert_draws_follow_the_density, images, masses

SHAPE, D = (1, 1, 2), 2
MEAN = torch.tensor([0.3, -0.7], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.8, 0.5], [0.5, 1.9]], dtype=torch.float64)


def best_velocity(l_t, t):
    """E[l - e | l_t] for l of N(MEAN, COVARIANCE) and e of N(0, I); t is (1, 1) or (B, 1)."""
    eye, time = torch.eye(D).double(), t.unsqueeze(-1)
    spread = time**2 * COVARIANCE + (1 - time) ** 2 * eye
    gain = (time * COVARIANCE - (1 - time) * eye) @ torch.linalg.inv(spread)
    return MEAN + (gain @ (l_t - t * MEAN).unsqueeze(-1)).squeeze(-1)


class Best(nn.Module):
    """The network with which a model has the best velocity."""

    def __init__(self, scale, n_steps):
        super().__init__()
        self.scale, self.n_places = scale, 2 * n_steps

    def forward(self, y, place):
        t = torch.as_tensor((place - 1) / self.n_places).double().reshape(-1, 1)
        r = ((1 - t) ** 2 + (t * self.scale) ** 2) ** 0.5
        slope = (t * self.scale**2 - (1 - t)) / r  # of r in t
        return r / self.scale * (best_velocity(r * y, t) - slope * y)


def gaussian(n_steps, scale=(1.3, 0.6)):
    """A model with the best velocity, whatever its scale."""
    scale = torch.tensor(scale).double()
    model = FlowMatching(SHAPE, n_steps, Best(scale, n_steps), 0.05).double()
    with torch.no_grad():
        model.log_scale.copy_(scale.log())
    return model.requires_grad_(False)


def network(n_steps=4, shape=SHAPE, seed=0, alpha=0.05, size=0.7):
    """A model in float64 that is far from where it starts."""
    n_numbers = math.prod(shape)
    with seeded(seed, "init"):
        d = MlpDenoiser(n_numbers, 2 * n_steps, (8, 7), "tanh")
        nn.init.normal_(d.output.weight, std=size)
        model = FlowMatching(shape, n_steps, d, alpha).double()
        with torch.no_grad():
            model.centre.normal_()
            model.log_scale.normal_(std=0.3)
    return model.requires_grad_(False)


def logits_of(x, alpha=0.05):
    u = (alpha + (1 - 2 * alpha) * x).flatten(1)
    return u.logit(), math.log(1 - 2 * alpha) - u.log() - (-u).log1p()


def gap(n_steps):
    """How far log p(x) along the best velocity, in so many steps, is from that of the flow."""
    x = images(SHAPE, 0.05, 200)
    logits, volume = logits_of(x)
    kept = logits.abs().amax(dim=1) < 4
    exact = MultivariateNormal(MEAN, COVARIANCE).log_prob(logits) + volume.sum(dim=1)
    return float((gaussian(n_steps).log_prob(x) - exact)[kept].abs().max())


def test_steps_along_the_best_velocity_approach_the_density_of_the_flow_quadratically():
    gaps = [gap(n) for n in (20, 64, 128, 256)]
    assert gaps[0] < 5e-3
    assert gaps[1] / gaps[2] == pytest.approx(4, rel=0.07)
    assert gaps[2] / gaps[3] == pytest.approx(4, rel=0.035)


@pytest.mark.parametrize("n_steps", [3, 20])
def test_draws_along_the_best_velocity_have_the_moments_of_the_data(n_steps):
    model, n = gaussian(n_steps), 40_000
    with seeded(0, "draws"):
        logits, _ = logits_of(model.sample(n))
    # the map is linear: exact moments of the draws from the images of a basis
    basis = torch.cat((torch.zeros(1, D), torch.eye(D))).double()
    ends, _ = logits_of(model.from_noise(basis))
    mean, factor = ends[0], (ends[1:] - ends[0]).mT
    covariance = factor @ factor.mT
    z = (logits.mean(dim=0) - mean) / covariance.diagonal().sqrt() * n**0.5
    assert float(z.abs().max()) < 4
    found = torch.cov(logits.mT)
    spread = (covariance.diagonal()[:, None] * covariance.diagonal() + covariance**2) / n
    assert float(((found - covariance) / spread.sqrt()).abs().max()) < 4
    tolerance = 4 / n_steps**2
    assert torch.allclose(mean, MEAN, atol=tolerance)
    assert torch.allclose(covariance, COVARIANCE, atol=tolerance)


@pytest.mark.parametrize("n_steps", [1, 7])
def test_with_a_network_that_does_nothing_logits_are_normal(n_steps):
    model = network(n_steps, (1, 3, 3), size=0)
    nn.init.zeros_(model.network.output.bias)
    x = images((1, 3, 3), 0.05)
    logits, volume = logits_of(x)
    exact = Normal(model.centre, model.log_scale.exp()).log_prob(logits) + volume
    assert torch.allclose(model.log_prob(x), exact.sum(dim=1), rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("n_steps", [1, 2, 10])
@pytest.mark.parametrize("shape", [SHAPE, (3, 2, 1)])
def test_the_inverse_undoes_the_map(shape, n_steps):
    model, x = network(n_steps, shape), images(shape, 0.05)
    z, _ = model.to_noise(x)
    assert (model.from_noise(z) - x).abs().max() < 1e-12
    z = 0.5 * randn(20, math.prod(shape), seed=2)
    assert (model.to_noise(model.from_noise(z))[0] - z).abs().max() < 1e-11
    x = x.float()
    assert (model.float().from_noise(model.to_noise(x)[0]) - x).abs().max() < 5e-5


@pytest.mark.parametrize("n_steps", [1, 4])
@pytest.mark.parametrize("shape", [SHAPE, (1, 3, 3)])
def test_the_log_determinant_is_that_of_the_jacobian(shape, n_steps, monkeypatch):
    monkeypatch.setattr("genbench.models.flow_matching.CHUNK", 3 * math.prod(shape) ** 2)
    model, x = network(n_steps, shape), images(shape, 0.05)
    z, log_det = model.to_noise(x)
    for one, found in zip(z, log_det, strict=True):
        slopes = jacobian(lambda flat: model.from_noise(flat[None]).flatten(), one)
        expected = -torch.linalg.slogdet(slopes).logabsdet
        assert abs(float(found - expected)) < 1e-10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_steps", [1, 2, 6])
def test_the_density_integrates_to_one_for_any_number_of_steps(n_steps, seed):
    model = network(n_steps, seed=seed)
    total = float(masses(model, np.linspace(-14, 14, 15), 10).sum())
    assert total == pytest.approx(1, abs=1e-6)


def test_draws_fall_into_cells_as_often_as_the_density_says():
    assert_draws_follow_the_density(network(2, seed=1))


@pytest.mark.parametrize("place", range(1, 9))
def test_squared_errors_are_those_of_the_velocity_of_a_straight_path(place):
    model, x, e = network(), images(SHAPE, 0.05), randn(20, D, seed=3)
    t, scale = (place - 1) / 8, model.log_scale.exp()
    logits, _ = logits_of(x)
    data = logits - model.centre
    l_t = (1 - t) * e + t * data
    r = ((1 - t) ** 2 + (t * scale) ** 2) ** 0.5
    slope = (t * scale**2 - (1 - t)) / r
    v = slope / r * l_t + scale / r * model.network(l_t / r, place)
    expected = (v - (data - e)).square().sum(dim=1)
    found = model.squared_errors(x, torch.full((20,), place), e)
    assert torch.allclose(found, expected, rtol=1e-12)


def test_steps_of_a_batch_are_those_of_each_datum():
    model, x, e = network(), images(SHAPE, 0.05), randn(20, D, seed=3)
    place = torch.arange(20) % 8 + 1
    whole, log_px = model.squared_errors(x, place, e), model.log_prob(x)
    for i in range(0, 20, 3):
        one = slice(i, i + 1)
        alone = model.squared_errors(x[one], place[one], e[one])
        assert torch.allclose(alone, whole[one], rtol=1e-12)
        assert torch.allclose(model.log_prob(x[one]), log_px[one], rtol=1e-11)


class Folds(nn.Module):
    """Moves numbers by a wave, which takes several to the same where it is steep."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, y, place):
        return self.size * (3 * y).sin() * (place % 2 == 0)


@pytest.mark.parametrize(
    ("size", "low", "high", "is_found"),
    [(0.1, 1 - 1e-6, 1 + 1e-6, True), (0.35, 0.1, 0.9, True), (3.0, 0.0, 1e-9, False)],
)
def test_of_several_numbers_that_become_the_same_at_most_one_is_counted(size, low, high, is_found):
    model = FlowMatching(SHAPE, 1, Folds(size), 0.05).double().requires_grad_(False)
    log_px = model.log_prob(images(SHAPE, 0.05, 200))
    assert log_px.isnan().all() != is_found
    known = SimpleNamespace(alpha=0.05, log_prob=lambda x: model.log_prob(x).nan_to_num(-math.inf))
    assert low <= float(masses(known, np.linspace(-8, 8, 21), 16).sum()) < high


def test_outside_of_the_support_is_no_density_and_what_is_no_number_has_none():
    model = network()
    end = 0.05 / 0.9
    x = torch.tensor([[0.5, 0.5], [0.5, 1.01 + end], [-0.01 - end, 0.2], [-0.9 * end, 1.0]])
    log_px = model.log_prob(x.double())
    assert log_px.isfinite().tolist() == [True, False, False, True]
    assert log_px[1:3].tolist() == [-math.inf, -math.inf]
    assert bool(model.log_prob(torch.full((1, 2), math.nan)).isnan())


def test_its_density_has_no_gradients_and_needs_none_to_be_allowed():
    model, x = network().requires_grad_(), images(SHAPE, 0.05)
    log_px = model.log_prob(x)
    assert not log_px.requires_grad
    with torch.inference_mode():
        assert torch.equal(model.log_prob(x), log_px)


def test_it_has_a_density_and_draws_and_no_codes():
    model = network()
    assert caps.knows_log_px(model)
    assert isinstance(model, caps.Samples)
    assert caps.missing(model, caps.Autoencodes) == ["encode(x)", "decode(z)"]
