"""The flow against Jacobians, integrals and closed forms; tests/contracts/ hold the rest."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logit
from scipy.stats import chi2, norm
from torch.autograd.functional import jacobian

from genbench.core import capabilities as caps
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.models.flow import RealNvp
from genbench.objectives.likelihood import NegativeLogLikelihood
from tests.draws import randn

SHAPES = [(1, 1, 2), (1, 3, 3), (3, 2, 1)]
ALPHAS = [0.0, 0.05, 0.3]


def flow(shape=(1, 1, 2), alpha=0.05, n_couplings=4, hidden=(8,), seed=0):
    """A flow in float64 that is far from the identity."""
    with seeded(seed, "init"):
        model = RealNvp(shape, n_couplings, hidden, "tanh", alpha).double()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.15 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def margin(alpha):
    return alpha / (1 - 2 * alpha)


def images(shape, alpha, n=20):
    """Images all over the support."""
    with seeded(1, "x"):
        x = torch.rand(n, *shape, dtype=torch.float64)
    return x * (1 + 2 * margin(alpha)) - margin(alpha)


def masses(model, edges, n=24):
    """The mass of each cell of a plane, (cells, cells), by the quadrature of Gauss and Legendre.

    The edges are logits of alpha + (1 - 2 alpha) x, where x itself crowds at the ends.
    """
    places, weights = map(torch.tensor, np.polynomial.legendre.leggauss(n))
    edges = torch.as_tensor(edges)
    half = edges.diff()[:, None] / 2
    u = (edges[:-1, None] + half * (places + 1)).flatten().sigmoid()
    x = (u - model.alpha) / (1 - 2 * model.alpha)
    volume = (half * weights).flatten() * u * (1 - u) / (1 - 2 * model.alpha)
    p = model.log_prob(torch.cartesian_prod(x, x).reshape(-1, 1, 1, 2)).exp()
    mass = p.reshape(len(x), -1) * volume[:, None] * volume
    n_cells = len(edges) - 1
    return mass.reshape(n_cells, n, n_cells, n).sum(dim=(1, 3))


@pytest.mark.parametrize("n_couplings", [1, 2, 5])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_inverse_undoes_the_map(shape, alpha, n_couplings):
    model, x = flow(shape, alpha, n_couplings), images(shape, alpha)
    z, _ = model.to_noise(x)
    assert (model.from_noise(z) - x).abs().max() < 1e-11
    z = 0.3 * randn(20, math.prod(shape), seed=2)  # x has all its digits away from the ends
    assert (model.to_noise(model.from_noise(z))[0] - z).abs().max() < 1e-10


@pytest.mark.parametrize("n_couplings", [1, 4])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_log_determinant_is_that_of_the_jacobian(shape, alpha, n_couplings):
    model, x = flow(shape, alpha, n_couplings), images(shape, alpha)
    _, log_det = model.to_noise(x)
    for one, found in zip(x, log_det, strict=True):
        slopes = jacobian(lambda flat: model.to_noise(flat[None])[0][0], one.flatten())
        expected = torch.linalg.slogdet(slopes).logabsdet
        assert abs(float(found - expected)) < 1e-10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_density_integrates_to_one_over_its_support(alpha, seed):
    model = flow(alpha=alpha, seed=seed, n_couplings=3)
    assert float(masses(model, np.linspace(-20, 20, 21)).sum()) == pytest.approx(1, abs=1e-6)
    if alpha:
        inside = np.linspace(logit(alpha), logit(1 - alpha), 9)  # x from 0 to 1
        assert float(masses(model, inside).sum()) < 0.999


@pytest.mark.parametrize("alpha", ALPHAS)
def test_with_couplings_that_do_nothing_logits_are_normal(alpha):
    model, shape = flow((1, 3, 3), alpha), (1, 3, 3)
    for coupling in model.couplings:
        coupling.output.weight.zero_()
        coupling.output.bias.zero_()
    x = images(shape, alpha)
    u = (alpha + (1 - 2 * alpha) * x).flatten(1).numpy()
    normal = norm(model.centre.numpy(), model.log_scale.exp().numpy())
    expected = normal.logpdf(logit(u)) + math.log(1 - 2 * alpha) - np.log(u * (1 - u))
    assert np.allclose(model.log_prob(x).numpy(), expected.sum(axis=1), rtol=1e-12, atol=1e-11)


def assert_draws_follow_the_density(model, n=20_000):
    """Draws fall into cells of a plane as often as the density says."""
    edges = torch.tensor([-18.0, -2, -1, -0.5, 0, 0.5, 1, 2, 18]).double()
    with seeded(5, "draws"):
        drawn = model.sample(n)
    assert drawn.shape == (n, 1, 1, 2)
    logits = (model.alpha + (1 - 2 * model.alpha) * drawn.flatten(1)).logit()
    row, column = torch.bucketize(logits, edges).sub(1).unbind(dim=1)
    counts = torch.bincount(8 * row + column, minlength=64).double()
    expected = n * masses(model, edges).flatten()
    rare = expected < 5
    counts, expected = (torch.cat((e[~rare], e[rare].sum()[None])) for e in (counts, expected))
    distance = float(((counts - expected).square() / expected).sum())
    low, high = chi2(len(counts) - 1).ppf([1e-4, 1 - 1e-4])
    assert low < distance < high


def test_draws_fall_into_cells_as_often_as_the_density_says():
    assert_draws_follow_the_density(flow(seed=1))


def test_couplings_of_one_layer_learn_a_correlated_gaussian_of_logits():
    n, factor = 4_000, torch.tensor([[0.7, 0.0], [1.08, 0.5]], dtype=torch.float64)
    mean = torch.tensor([0.5, -1.0], dtype=torch.float64)
    y, fresh = (randn(n, 2, seed=seed) @ factor.T + mean for seed in (1, 2))
    x, held_out = (((each.sigmoid() - 0.05) / 0.9).reshape(-1, 1, 1, 2) for each in (y, fresh))
    with seeded(0, "init"):
        model = RealNvp((1, 1, 2), 2, (), "tanh", 0.05).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(400):
        optimizer.zero_grad()
        NegativeLogLikelihood()(model, Batch(x, torch.zeros(n))).value.backward()
        optimizer.step()
    u = fresh.sigmoid()
    volume = (math.log(0.9) - u.log() - (-u).log1p()).sum(dim=1)  # log |dy/dx|
    entropy = math.log(2 * math.pi * math.e) + math.log(0.7 * 0.5)  # of y
    loss = -(model.log_prob(held_out).detach() - volume)
    band = 4 * float(loss.std()) / n**0.5
    assert abs(float(loss.mean()) - entropy) < band
    independent = 2 * math.log(2 * math.pi * math.e) / 2 + math.log(0.7 * math.hypot(1.08, 0.5))
    assert independent - entropy > 10 * band


def test_outside_of_the_support_is_no_density_and_the_gradient_stays_finite():
    model = flow(alpha=0.05).requires_grad_()
    end = margin(0.05)
    x = torch.tensor([[0.5, 0.5], [0.5, 1.01 + end], [-0.01 - end, 0.2], [-0.9 * end, 1.0]])
    log_px = model.log_prob(x.double())
    assert log_px.isfinite().tolist() == [True, False, False, True]
    assert log_px[1:3].tolist() == [-math.inf, -math.inf]
    log_px[[0, 3]].sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    assert bool(model.log_prob(torch.full((1, 2), math.nan)).isnan())
    nearly = torch.full((1, 2), 1 + end - 1e-12, dtype=torch.float64)  # the end itself in float32
    assert model.float().log_prob(nearly).tolist() == [-math.inf]


def test_with_alpha_zero_draws_are_images_and_numbers_at_the_ends_have_no_density():
    model = flow((1, 3, 3), alpha=0.0)
    with seeded(0, "draws"):
        drawn = model.sample(1_000)
    assert float(drawn.min()) > 0
    assert float(drawn.max()) < 1
    x = torch.full((2, 1, 3, 3), 0.5, dtype=torch.float64)
    x[0, 0, 0, 0], x[1, 0, 2, 2] = 0, 1
    assert model.log_prob(x).tolist() == [-math.inf, -math.inf]


def test_each_coupling_moves_one_colour_of_a_checkerboard_given_the_other():
    shape = (2, 3, 2)
    model, x = flow(shape, n_couplings=1), images(shape, 0.05)[:1]
    slopes = jacobian(lambda flat: model.to_noise(flat[None])[0][0], x.flatten())
    c, i, j = np.indices(shape)
    odd = torch.tensor((c + i + j).flatten() % 2 == 1)
    in_order = torch.cat((odd.nonzero(), (~odd).nonzero())).squeeze(1)  # what is given goes first
    reads = slopes[:, in_order] != 0
    n_odd = int(odd.sum())
    assert torch.equal(reads[:n_odd], torch.eye(12, dtype=torch.bool)[:n_odd])
    assert torch.equal(reads[n_odd:, n_odd:], torch.eye(12 - n_odd, dtype=torch.bool))
    assert reads[n_odd:, :n_odd].all()


def test_a_flow_has_a_density_and_draws_and_no_codes():
    model = flow()
    assert isinstance(model, caps.HasExactDensity)
    assert isinstance(model, caps.Samples)
    assert caps.missing(model, caps.Autoencodes) == ["encode(x)", "decode(z)"]
