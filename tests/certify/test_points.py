import math

import pytest
import torch

from genbench.certify.points import points_of
from genbench.certify.worlds import worlds_of


class Labelled:
    def given(self, y):
        raise NotImplementedError


class Completes:
    """Given the first pixel of an image."""

    def __init__(self, shape):
        self.mask = torch.ones(shape, dtype=torch.bool)
        self.mask[..., 0, 0] = False

    def given_pixels(self, x):
        raise NotImplementedError

    def hidden(self):
        return self.mask


def total(points, log_px):
    return float((log_px + points.log_weight).exp().sum())


def test_uniform_masses_sum_to_one_with_and_without_labels():
    (world,) = worlds_of("binary")
    log_px = torch.full((512,), -9 * math.log(2), dtype=torch.float64)
    points = points_of(world, object())
    assert total(points, log_px) == pytest.approx(1)
    labelled = points_of(world, Labelled())
    assert total(labelled, log_px.repeat(2)) == pytest.approx(1)
    assert labelled.y.tolist() == [0] * 512 + [1] * 512
    assert torch.equal(labelled.x[512:], points.x)


def test_hidden_pixels_are_summed_and_the_mean_is_taken_over_shown_ones():
    (world,) = worlds_of("grey_levels")
    points = points_of(world, Completes((1, 2, 2)))
    assert points.n_summed == 3
    assert total(points, torch.full((256,), -3 * math.log(4)).double()) == pytest.approx(1)


def test_shown_pixels_of_a_density_lie_where_data_are():
    plane, noisy = worlds_of("unit_interval")
    points = points_of(plane, Completes((1, 1, 2)))
    shown, hidden = points.x.flatten(1).unbind(dim=1)
    assert float(shown.min()) >= 0
    assert float(shown.max()) <= 1
    assert float(hidden.min()) < -4
    normal = torch.distributions.Normal(shown.double(), 0.2)  # another one for each shown value
    assert total(points, normal.log_prob(hidden.double())) == pytest.approx(1, abs=1e-6)
    on_levels = points_of(noisy, Completes((1, 1, 2)))
    assert on_levels.log_weight.tolist() == pytest.approx([-math.log(4)] * 16)


def test_each_level_with_noise_is_one_group():
    _, noisy = worlds_of("unit_interval")
    points = points_of(noisy, Labelled())
    assert torch.bincount(points.group).tolist() == [16] * 32
    levels = (points.x * 4).floor().flatten(1)
    for group in range(32):
        mine = points.group == group
        assert len(levels[mine].unique(dim=0)) == 1
        assert len(points.y[mine].unique()) == 1


def test_the_coarse_points_are_a_grid_of_their_own():
    plane, _ = worlds_of("unit_interval")
    points = points_of(plane, object())
    coarse = points.x[points.coarse].flatten(1)
    sides = [column.unique() for column in coarse.unbind(dim=1)]
    assert [len(side) for side in sides] == [19, 19]
    assert len(coarse) == 19 * 19


class Bounded:
    """Uniform between two ends."""

    def __init__(self, low, high):
        self.ends = (low, high)

    def pixel_bounds(self):
        return self.ends


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-0.05, 1.05)])
def test_a_density_with_bounds_is_asked_between_them_only(ends):
    plane, noisy = worlds_of("unit_interval")
    points, (low, high) = points_of(plane, Bounded(*ends)), ends
    assert low < float(points.x.min()) < low + 1e-5
    assert high - 1e-5 < float(points.x.max()) < high
    log_px = torch.full((len(points.x),), -2 * math.log(high - low), dtype=torch.float64)
    assert total(points, log_px) == pytest.approx(1, abs=1e-5)
    coarse = points.log_weight[points.coarse] + 2 * math.log(2)
    assert float((coarse + log_px[0]).exp().sum()) == pytest.approx(1, abs=1e-5)
    # normal logits whose density has no limit at the ends
    u = ((points.x.flatten(1).double() - low) / (high - low)).clamp(1e-9, 1 - 1e-9)
    normal = torch.distributions.Normal(-2.0, 1.5).log_prob(u.logit())
    density = normal - (u * (1 - u) * (high - low)).log()
    assert total(points, density.sum(dim=1)) == pytest.approx(1, abs=1e-5)
    finer = points_of(noisy, Bounded(*ends))
    assert torch.bincount(finer.group).tolist() == [32 * 32] * 16
    assert 0 < float(finer.x.min()) < 0.005
    assert torch.equal(finer.log_weight, points_of(noisy, object()).log_weight)
