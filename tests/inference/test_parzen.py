"""The Parzen window against brute force and against another library."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from genbench.inference.parzen import ROWS, ParzenWindow, squared_distances
from tests.draws import randn


def brute_force(x, samples, scale):
    """log 1/M sum_m N(x; s_m, scale^2 I), pair by pair in numpy."""
    x, samples = x.flatten(1).double().numpy(), samples.flatten(1).double().numpy()
    squares = ((x[:, None] - samples) ** 2).sum(-1)
    constant = 0.5 * x.shape[1] * math.log(2 * math.pi * scale**2) + math.log(len(samples))
    return torch.from_numpy(logsumexp(-0.5 * squares / scale**2, axis=1) - constant)


def images(n, seed):
    """Pictures (n, 1, 28, 28) that are mostly black, as digits are, in float32."""
    grey = torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))
    return (3 * grey - 2).clamp(min=0)


def test_the_estimate_is_the_log_of_the_mean_of_the_kernels():
    x, samples = randn(2 * ROWS + 7, 1, 3, 4, seed=1), randn(50, 12, seed=2)
    scales = [0.1, 0.5, 3.0]
    found = ParzenWindow(samples).log_density(x, scales)
    assert found.dtype == torch.float64
    for row, scale in zip(found, scales, strict=True):
        assert torch.allclose(row, brute_force(x, samples, scale), rtol=1e-11)


def test_the_estimate_agrees_with_scikit_learn():
    """Near the samples: in the far tails its trees lose all digits."""
    x, samples = randn(40, 6, seed=3), randn(300, 6, seed=4)
    expected = KernelDensity(bandwidth=0.4).fit(samples.numpy()).score_samples(x.numpy())
    found = ParzenWindow(samples).log_density(x, [0.4])[0]
    assert np.allclose(found.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_float32_images_lose_less_than_a_hundredth_of_a_nat(offset):
    x, samples = images(150, 1) + offset, images(400, 2) + offset
    expected = brute_force(x, samples, 0.1)
    found = ParzenWindow(samples).log_density(x, [0.1])[0]
    tolerance = 0.01 if offset == 0 else 0.05  # the images themselves are rounded more coarsely
    assert (found - expected).abs().max() < tolerance


def test_far_data_and_copies_of_samples_are_finite():
    samples = images(20, 0)
    found = ParzenWindow(samples).log_density(torch.cat((samples[:3], samples[:3] + 100)), [0.1])
    assert torch.isfinite(found).all()
    peak = -0.5 * 784 * math.log(2 * math.pi * 0.01) - math.log(20)
    assert torch.allclose(found[0, :3], torch.tensor(peak).double(), atol=0.01)


def test_the_density_of_one_dimension_integrates_to_one():
    grid = torch.linspace(-8, 8, 4001).double()[:, None]
    density = ParzenWindow(randn(30, 1)).log_density(grid, [0.2])[0].exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, rel=1e-6)


def test_the_best_scale_is_the_one_with_the_largest_held_out_mean():
    samples, held_out = randn(500, 3, seed=5), randn(200, 3, seed=6)
    scales = [0.05, 0.2, 0.4, 0.8, 3.0]
    means = [brute_force(held_out, samples, s).mean().item() for s in scales]
    chosen = ParzenWindow(samples).best_scale(held_out, scales)
    assert chosen == scales[int(np.argmax(means))]
    assert 0.05 < chosen < 3.0


def test_distances_by_a_matrix_product_are_those_of_pairs():
    x, y = 1e6 + randn(5, 2, 3, seed=1), 1e6 + randn(7, 2, 3, seed=2)
    expected = (x.flatten(1)[:, None] - y.flatten(1)).square().sum(-1)
    assert torch.allclose(squared_distances(x, y), expected, rtol=1e-8)
    assert (squared_distances(x, x) >= 0).all()


def test_the_scale_of_samples_that_are_the_held_out_data_is_chosen_by_leaving_one_out():
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    scales = tuple(0.05 * 1.3**k for k in range(16))
    left_out = [
        ParzenWindow(torch.cat((x[:i], x[i + 1 :]))).log_density(x[i : i + 1], scales)[:, 0]
        for i in range(len(x))
    ]
    expected = scales[int(torch.stack(left_out).mean(dim=0).argmax())]
    assert ParzenWindow(x).best_scale(x, scales) == expected != scales[0]
    found = ParzenWindow(x).log_density(x, scales, without_equals=True)
    assert torch.allclose(found, torch.stack(left_out, dim=1), rtol=1e-9)


def test_where_every_sample_is_the_datum_none_is_left_out():
    window = ParzenWindow(torch.zeros(4, 3))
    assert torch.isfinite(window.log_density(torch.zeros(2, 3), [0.5], without_equals=True)).all()


def test_a_datum_that_was_rounded_to_eight_bits_is_left_out_too():
    x = torch.rand(60, 100, generator=torch.Generator().manual_seed(4))
    found = ParzenWindow((x * 255).round() / 255).log_density(x, [0.1], without_equals=True)
    others = ParzenWindow(x).log_density(x, [0.1], without_equals=True)
    assert torch.allclose(found, others, atol=1.0)
