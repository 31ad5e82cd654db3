"""The discretised logistic against scipy's logistic and sums over all levels."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from genbench.distributions.discretised import DiscretisedLogistic, LevelTable
from genbench.distributions.observation import DiscretisedLogisticHead

SHAPE = (1, 3, 4)
EXTREME = [
    (loc, scale)
    for loc in (-1e6, -3.0, 0.0, 0.5, 0.997, 1.0, 7.0, 1e6)
    for scale in (1e-6, 1e-3, 0.05, 1.0, 1e3)
]


def levels(n, dtype=torch.float64):
    return torch.arange(n, dtype=dtype) / (n - 1)


def pixel(loc, scale, n=256, dtype=torch.float64):
    loc, scale = (torch.as_tensor(number, dtype=dtype) for number in (loc, scale))
    return DiscretisedLogistic(loc, scale, n)


@pytest.mark.parametrize(("loc", "scale"), EXTREME)
@pytest.mark.parametrize("n", [2, 17, 256])
def test_the_probabilities_of_all_levels_add_up_to_one(loc, scale, n):
    total = pixel(loc, scale, n).log_prob(levels(n)).exp().sum().item()
    assert abs(total - 1) < 1e-12


@given(st.floats(-2, 3), st.floats(-8, 4), st.integers(2, 256))
def test_the_probabilities_add_up_to_one_anywhere(loc, log_scale, n):
    total = pixel(loc, math.exp(log_scale), n).log_prob(levels(n)).exp().sum().item()
    assert abs(total - 1) < 1e-12


@pytest.mark.parametrize(("loc", "scale"), [(0.3, 0.05), (0.0, 0.02), (1.2, 0.3), (0.5, 2.0)])
def test_the_mass_of_a_level_is_scipys_difference_of_the_cumulative(loc, scale):
    x, half = levels(256).numpy(), 0.5 / 255
    upper = np.where(x > 1 - half, np.inf, x + half)
    lower = np.where(x < half, -np.inf, x - half)
    logistic = scipy.stats.logistic(loc, scale)
    expected = logistic.cdf(upper) - logistic.cdf(lower)
    found = pixel(loc, scale).log_prob(torch.from_numpy(x)).exp().numpy()
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_far_in_the_tail_the_logarithm_is_that_of_the_density_times_the_cell():
    """log P = log(1/255) + log density up to (h / scale)^2 / 6, where cdf differences are 0."""
    x, loc, scale = levels(256)[250], -40.0, 0.5
    expected = scipy.stats.logistic.logpdf(x.item(), loc, scale) - math.log(255)
    assert pixel(loc, scale).log_prob(x).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("loc", "scale"), EXTREME)
def test_log_prob_and_its_gradients_are_finite_in_float32(loc, scale):
    loc, log_scale = torch.tensor(loc), torch.tensor(scale).log()
    loc.requires_grad_(), log_scale.requires_grad_()
    log_p = pixel(loc, log_scale.exp(), dtype=torch.float32).log_prob(levels(256, torch.float32))
    gradients = torch.autograd.grad(log_p.sum(), (loc, log_scale))
    assert all(tensor.isfinite().all() for tensor in (log_p, *gradients))


def test_the_gradients_are_those_of_finite_differences():
    loc = torch.tensor([-0.1, 0.2, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([0.03, 0.2, 1.0, 0.01], dtype=torch.float64, requires_grad=True)
    x = levels(256)[[0, 40, 255, 240]]
    assert torch.autograd.gradcheck(lambda m, s: pixel(m, s).log_prob(x), (loc, scale))


@pytest.mark.parametrize(("loc", "scale"), [(0.3, 0.05), (0.0, 0.1), (1.5, 0.2), (0.5, 3.0)])
def test_the_mean_is_the_sum_over_levels(loc, scale):
    p = pixel(loc, scale)
    expected = (p.log_prob(levels(256)).exp() * levels(256)).sum()
    assert p.mean.item() == pytest.approx(expected.item(), rel=1e-12)


def test_samples_are_levels_in_the_stated_proportions():
    p, n_draws = pixel(0.1, 0.2, n=9), 40_000
    torch.manual_seed(0)
    drawn = p.sample(torch.Size((n_draws,)))
    assert p.support.check(drawn).all()
    counts = torch.bincount((drawn * 8).round().long(), minlength=9)
    chance = p.log_prob(levels(9)).exp()
    error = (counts / n_draws - chance).abs()
    assert (error <= 4 * (chance * (1 - chance) / n_draws).sqrt()).all()


def test_the_support_is_the_grey_levels():
    support = pixel(0.5, 0.1).support
    assert support.is_discrete
    between = levels(256)[:-1] + 0.5 / 255
    assert support.check(levels(256).float()).all()
    assert not support.check(torch.cat([between, torch.tensor([-1 / 255, 256 / 255])])).any()


@pytest.mark.parametrize("per_pixel", [False, True])
def test_the_head_is_the_sum_over_pixels_of_a_mass(per_pixel):
    head = DiscretisedLogisticHead(17, 0.2, per_pixel).double()
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(5, 2, head.n_per_pixel, *SHAPE[1:], generator=generator).double()
    x = torch.randint(17, (2, *SHAPE), generator=generator) / 16.0
    scale = output[:, :, 1:].exp() if per_pixel else torch.tensor(0.2)
    expected = pixel(output[:, :, :1], scale, 17).log_prob(x.double()).sum(dim=(-1, -2, -3))
    with torch.no_grad():
        p = head(output)
    assert (head.measure, head.domain) == ("mass", "grey_levels")
    assert (p.batch_shape, p.event_shape) == ((5, 2), SHAPE)
    assert torch.allclose(p.log_prob(x), expected, rtol=1e-6)
    assert (p.log_prob(x) < 0).all()
    assert torch.allclose(p.expand((3, 5, 2)).log_prob(x), expected.expand(3, 5, 2), rtol=1e-6)


@pytest.mark.parametrize("per_pixel", [False, True])
def test_the_head_starts_at_the_mean_image_and_the_stated_scale(per_pixel):
    head = DiscretisedLogisticHead(256, 0.02, per_pixel)
    image = torch.linspace(0.3, 0.7, 12).reshape(SHAPE)
    p = head(head.start(image))
    assert torch.allclose(p.mean, image, atol=1e-5)  # far from black and white
    assert torch.allclose(p.base_dist.scale, torch.tensor(0.02))
    assert "256 levels" in head.name


def test_a_scale_without_limit_leaves_one_bit_black_or_white():
    flat = pixel(0.5, 1e9).log_prob(levels(256))
    assert (-flat[[0, -1]] / math.log(2)).tolist() == pytest.approx([1.0, 1.0], abs=1e-6)


def test_a_table_gives_the_mass_of_each_level_for_images_and_single_levels():
    table = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]], dtype=torch.float64)
    p = LevelTable(table)
    x = torch.tensor([[0.0, 0.5], [1.0, 0.0], [0.5, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[0.2, 0.4], [0.5, 0.6], [0.3, 0.0]], dtype=torch.float64)
    assert torch.allclose(p.log_prob(x).exp(), expected, rtol=1e-14)
    assert torch.equal(p.log_prob(x[0]), p.log_prob(x)[0])
    assert p.support.check(x).all()
    assert not p.support.check(x + 0.1).any()
