"""The diffusion model against Gaussians, where everything is known; tests/contracts/ hold the rest.

The best denoiser of Gaussian data, and what it does not know, have closed forms.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import nn
from torch.distributions import Normal, kl_divergence

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models.diffusion import SCHEDULES, Diffusion
from genbench.nets.denoiser import MlpDenoiser
from tests.draws import randn

SHAPE, D = (1, 1, 3), 3
MEAN = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
SPREAD = torch.tensor([0.4, 1.5, 0.9], dtype=torch.float64)


class Optimal(nn.Module):
    """The best prediction for u of N(mean, spread^2), less s_t z_t and over a_t."""

    def __init__(self, log_snr, mean, spread):
        super().__init__()
        self.log_snr, self.mean, self.spread = log_snr, mean, spread

    def forward(self, z, t):
        a, s = amplitudes(self.log_snr[t - 1])
        a, s = a.unsqueeze(-1), s.unsqueeze(-1)
        noise = s * (z - a * self.mean) / (a**2 * self.spread**2 + s**2)
        return (noise - s * z) / a


def amplitudes(log_snr):
    """The factors of signal and noise; not as the model computes them."""
    ratio = log_snr.exp()
    return (ratio / (1 + ratio)).sqrt(), (1 / (1 + ratio)).sqrt()


def model_of(denoiser, log_snr):
    """A model in float64 whose ratios are those given, to the last bit."""
    model = Diffusion(SHAPE, log_snr, denoiser).double()
    model.log_snr[1:] = log_snr
    return model.requires_grad_(False)


def gaussian(n_steps, mean=MEAN, spread=SPREAD, low=-9.0, high=8.0, schedule="linear"):
    """The best model of u of N(mean, spread^2): denoiser and variances."""
    log_snr = SCHEDULES[schedule](n_steps, low, high)
    model = model_of(Optimal(log_snr, mean, spread), log_snr)
    ratio = log_snr.exp()[:, None]
    model.log_excess.copy_((spread**2 / (1 + ratio * spread**2) * (1 + ratio)).log())
    return model


def network(n_steps=5, seed=0, schedule="linear"):
    """A model with a random network, random variances, and any scale of images."""
    log_snr = SCHEDULES[schedule](n_steps, -4.0, 5.0)
    with seeded(seed, "init"):
        denoiser = MlpDenoiser(D, n_steps, (8,), "tanh")
        nn.init.normal_(denoiser.output.weight)
        model = model_of(denoiser, log_snr)
        model.log_excess.normal_()
        model.log_width.normal_()
        model.centre.normal_()
        model.scale.uniform_(0.2, 2.0)
    return model


def drawn(model, x, n, seed=1):
    with seeded(seed, "draws"):
        return model.elbo_draws(x, n)


def stderr(draws):
    return float(draws.mean(dim=1).std()) / len(draws) ** 0.5


def log_density(model, x, mean=MEAN, spread=SPREAD):
    u = model.standardised(x)
    return (Normal(mean, spread).log_prob(u) - model.scale.log()).sum(dim=1)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_a_schedule_falls_from_the_highest_ratio_to_the_lowest(schedule):
    log_snr = SCHEDULES[schedule](20, -7.0, 5.0)
    assert log_snr[[0, -1]].tolist() == pytest.approx([5.0, -7.0], abs=1e-12)
    assert (log_snr.diff() < 0).all()
    angle = (-log_snr / 2).exp().atan()
    even = {"linear": log_snr, "cosine": angle}[schedule].diff()
    assert torch.allclose(even, even[:1], rtol=1e-9)


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("t", [2, 3, 5])
def test_forward_steps_satisfy_the_rule_of_bayes(t, schedule):
    model = network(schedule=schedule)
    u, z, before = randn(7, D, seed=1), randn(7, D, seed=2), randn(7, D, seed=3)
    (a, s), (a0, s0) = amplitudes(model.log_snr[t]), amplitudes(model.log_snr[t - 1])
    step = Normal(a / a0 * before, (s**2 - (a / a0 * s0) ** 2).sqrt())  # q(z_t | z_{t-1})
    joint = Normal(*model.noised(u, t - 1)).log_prob(before) + step.log_prob(z)
    mean, variance = model.posterior_step(u, z, t)
    posterior = joint - Normal(*model.noised(u, t)).log_prob(z)
    assert torch.allclose(Normal(mean, variance.sqrt()).log_prob(before), posterior, rtol=1e-9)


def test_the_signal_and_the_noise_of_a_step_have_unit_power_and_the_stated_ratio():
    model = network()
    for t in range(1, 6):
        mean, s = model.noised(torch.ones(1, D).double(), t)
        assert torch.allclose(mean**2 + s**2, torch.ones(1, D).double(), rtol=1e-13)
        assert torch.allclose((mean / s).log() * 2, model.log_snr[t], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_losses_are_the_divergences_of_the_two_steps_and_a_density_at_the_end(seed):
    model, u, noise = network(seed=seed), randn(6, D, seed=4), randn(6, D, seed=5)
    for t in range(1, 6):
        a, s = amplitudes(model.log_snr[t])
        z = a * u + s * noise
        mean, variance = model.prior_step(z, t)
        p = Normal(mean, variance.sqrt())
        if t == 1:
            expected = -p.log_prob(u) - Normal(0, s).entropy()
        else:
            mean, variance = model.posterior_step(u, z, t)
            expected = kl_divergence(Normal(mean, variance.sqrt()), p)
        assert torch.allclose(model.step_losses(u, t, noise)[0], expected.sum(1), rtol=1e-9)
    a, s = amplitudes(model.log_snr[-1])
    start = kl_divergence(Normal(a * u, s), Normal(torch.zeros(1).double(), 1.0)).sum(dim=1)
    constant = model.scale.log().sum() + D * Normal(0, amplitudes(model.log_snr[1])[1]).entropy()
    assert torch.allclose(model.fixed_losses(u), start + constant, rtol=1e-10)


def test_steps_of_a_batch_are_those_of_each_datum():
    model, u, noise = network(), randn(6, D, seed=4), randn(6, D, seed=5)
    t = torch.tensor([3, 1, 5, 2, 2, 4])
    loss, squared = model.step_losses(u, t, noise)
    for i, step in enumerate(t.tolist()):
        one, error = model.step_losses(u[i : i + 1], step, noise[i : i + 1])
        assert float(loss[i]) == pytest.approx(float(one), rel=1e-12)
        assert float(squared[i]) == pytest.approx(float(error), rel=1e-12)


@pytest.mark.parametrize("n_steps", [2, 5])
def test_draws_average_to_the_bound_of_gaussian_data_by_hand(n_steps):
    model = gaussian(n_steps, low=-3.0, high=4.0)
    with seeded(0, "v"):
        model.log_excess.normal_()  # any variances: the bound is not tight
    x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0)).double()
    u, expected = model.standardised(x), -model.scale.log().sum()
    log_snr = model.log_snr.tolist()
    for t in range(1, n_steps + 1):
        ratio = math.exp(log_snr[t])
        a2, s2 = ratio / (1 + ratio), 1 / (1 + ratio)
        gain = 1 / (a2 * SPREAD**2 + s2)
        # the error of u^: a part from u itself and one from the noise, E[noise^2] = 1
        error = (s2 * gain * (u - MEAN)) ** 2 + s2 / a2 * (1 - s2 * gain) ** 2
        v = s2 * model.log_excess[t - 1].exp()
        if t == 1:
            of_step = 0.5 * ((2 * math.pi * v).log() + error / v)
        else:
            before = math.exp(log_snr[t - 1])
            a2_before, s2_before = before / (1 + before), 1 / (1 + before)
            s2_step = s2 - a2 / a2_before * s2_before  # of q(z_t | z_{t-1})
            variance = s2_step * s2_before / s2
            slope2 = a2_before * (s2_step / s2) ** 2
            p = variance + slope2 * v
            of_step = 0.5 * ((p / variance).log() + (variance + slope2 * error) / p - 1)
        expected = expected - of_step.sum(dim=1)
    a, s = amplitudes(model.log_snr[-1])
    start = kl_divergence(Normal(a * u, s), Normal(torch.zeros(1).double(), 1.0))
    expected = expected - start.sum(dim=1)
    draws = drawn(model, x, 20_000)
    assert draws.shape == (20_000, 4)
    error = draws.std(dim=0) / len(draws) ** 0.5
    assert ((draws.mean(dim=0) - expected).abs() < 4.5 * error).all()
    assert float(error.max()) < 0.05


@pytest.mark.parametrize("n_steps", [2, 7, 50])
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_with_the_best_denoiser_and_variances_the_bound_is_exact_for_any_number_of_steps(
    n_steps, schedule
):
    model = gaussian(n_steps, low=-16.0, schedule=schedule)
    x = randn(5, *SHAPE, seed=6)
    draws, exact = drawn(model, x, 4_000), log_density(model, x)
    error = draws.std(dim=0) / len(draws) ** 0.5
    assert ((draws.mean(dim=0) - exact).abs() < 4.5 * error + 1e-5).all()


def test_without_variances_the_bound_rises_to_the_density_with_the_number_of_steps():
    n, expected = 4_000, []
    x = (0.5 + 0.5 * (MEAN + SPREAD * randn(n, D, seed=7))).reshape(n, *SHAPE)
    for n_steps in (10, 40, 160, 640):
        model = gaussian(n_steps, low=-16.0)
        model.log_excess[1:] = -60.0
        ratio = model.log_snr.exp()[:, None]
        change = ratio[1:-1] - ratio[2:]
        lost = change * SPREAD**2 / (1 + ratio[2:] * SPREAD**2)  # its log is what the best loses
        expected.append(float(0.5 * (lost - lost.log1p()).sum()))
        gap = log_density(model, x) - drawn(model, x, 2).mean(dim=0)
        assert abs(float(gap.mean()) - expected[-1]) < 4 * float(gap.std()) / n**0.5
    assert all(5.5 > before / after > 3.5 for before, after in pairwise(expected[1:]))
    assert 0 < expected[-1] < 0.2


@pytest.mark.parametrize("width", [1.0, 0.3])
def test_a_network_that_adds_nothing_is_a_gaussian_around_the_mean_image(width):
    log_snr = SCHEDULES["linear"](20, -14.0, 6.0)
    denoiser = MlpDenoiser(D, 20, (8,), "silu")
    nn.init.zeros_(denoiser.output.weight)
    model = model_of(denoiser, log_snr)
    model.start_at(torch.tensor([0.2, 0.5, 0.0]).reshape(SHAPE))
    model.log_width.fill_(math.log(width))
    assert torch.allclose(model.scale**2, torch.tensor([0.16, 0.25, 0.001 * 0.999]).double())
    x = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0)).double()
    exact = log_density(model, x, torch.zeros(D), torch.full((D,), width))
    draws = drawn(model, x, 4_000)
    error = draws.std(dim=0) / len(draws) ** 0.5
    assert ((draws.mean(dim=0) - exact).abs() < 4.5 * error + 1e-4).all()


@pytest.mark.parametrize(("factor", "shift"), [(3.0, 0.0), (1.0, -2.0), (0.1, 0.7)])
def test_scaling_and_shifting_the_data_costs_the_jacobian_and_no_more(factor, shift):
    model, moved = network(), network()
    moved.centre.copy_(factor * model.centre + shift)
    moved.scale.copy_(factor * model.scale)
    x = randn(5, *SHAPE, seed=8)
    before, after = drawn(model, x, 3), drawn(moved, factor * x + shift, 3)
    assert torch.allclose(after, before - D * math.log(factor), rtol=1e-9)


@pytest.mark.parametrize("n_steps", [3, 60])
def test_samples_of_the_best_model_have_the_mean_and_variance_of_the_data(n_steps):
    model, n = gaussian(n_steps, low=-16.0), 20_000
    with seeded(0, "samples"):
        x = model.sample(n)
    assert x.shape == (n, *SHAPE)
    u = model.standardised(x)
    z = (u.mean(dim=0) - MEAN) / SPREAD * n**0.5
    assert float(z.abs().max()) < 4
    squares = n * (((u - MEAN) / SPREAD) ** 2).mean(dim=0).numpy()
    low, high = chi2.ppf([1e-5, 1 - 1e-5], n)
    assert np.all((low < squares) & (squares < high))
    correlation = torch.corrcoef(u.T)[[0, 0, 1], [1, 2, 2]]
    assert float(correlation.abs().max()) * n**0.5 < 4


def test_draws_are_independent_of_each_other_and_of_the_other_data(monkeypatch):
    model, x = network(), randn(5, *SHAPE, seed=8)
    draws = drawn(model, x, 3_000)
    assert draws.dtype == torch.float64
    correlation = np.corrcoef(draws[::2, 0], draws[1::2, 0])[0, 1]
    assert abs(correlation) < 4 / 1_500**0.5
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 4 / 3_000**0.5
    monkeypatch.setattr("genbench.models.diffusion.CHUNK", 70 * x.numel())
    parts = drawn(model, x, 3_000)
    assert parts.shape == draws.shape
    error = ((draws.var(dim=0) + parts.var(dim=0)) / 3_000) ** 0.5
    assert ((draws.mean(dim=0) - parts.mean(dim=0)).abs() < 4.5 * error).all()


def test_a_diffusion_has_a_bound_and_draws_and_no_codes():
    model = network()
    assert isinstance(model, caps.DrawsElbo)
    assert isinstance(model, caps.Samples)
    for needs in (caps.HasPrior, caps.Encodes, caps.HasExactDensity):
        assert not isinstance(model, needs)
