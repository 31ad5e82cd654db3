"""The sliced Wasserstein distance: sorted quantiles, all moments, both kinds of noise."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.samples import sliced
from genbench.samples.sliced import levels_of, sliced_wasserstein
from tests.samples.drawn import assert_mean_is, coverage, normal

D, N, RESAMPLES = 4, 300, 200
LINE = torch.tensor([2.0, -1.0, 0.5, 1.0], dtype=torch.float64)
TWO_POINTS = torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
THREE_POINTS = torch.tensor([-math.sqrt(2), 0.0, 0.0, math.sqrt(2)], dtype=torch.float64)


def distance(x, y, seed=0):
    return sliced_wasserstein(x, y, Stream(seed))


def is_along_one_line(found, length):
    """Whether all differences are along one line, by the known error of the directions.

    The squared cosine of a random direction has the mean 1 / d and the standard deviation
    (2 (d − 1) / (d + 2))^½ / d.
    """
    deviation = math.sqrt(2 * (D - 1) / (D + 2) / sliced.N_PROJECTIONS)
    return abs(found.value**2 * D / length**2 - 1) < 4 * deviation


# --- exact in one dimension, where every direction is the same ---


def test_in_one_dimension_it_is_the_distance_of_sorted_values():
    x, y = normal(0, N, 1), 2 * normal(1, N, 1) + 1
    gaps = x.flatten().sort().values - y.flatten().sort().values
    assert distance(x, y).value == pytest.approx(float(gaps.square().mean().sqrt()), rel=1e-12)


def test_sets_of_different_sizes_are_compared_as_if_each_row_were_repeated():
    x, y = normal(0, 40, D), normal(1, 60, D) + 0.5
    expected = distance(x.repeat(3, 1), y.repeat(2, 1)).value
    assert distance(x, y).value == pytest.approx(expected, rel=1e-12)
    assert (distance(x, y).n, distance(y, x).n) == (40, 60)


def test_the_levels_cut_where_either_quantile_jumps():
    length, rank_x, rank_y = levels_of(2, 3)
    assert length.tolist() == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3])
    assert (rank_x.tolist(), rank_y.tolist()) == ([0, 0, 1, 1], [0, 1, 1, 2])
    assert levels_of(5, 5).rank_x.tolist() == list(range(5))


def test_equal_distributions_have_the_known_mean_square(monkeypatch):
    monkeypatch.setattr(sliced, "N_PROJECTIONS", 1)
    draws = torch.Generator().manual_seed(0)
    n = 20
    x, y = torch.rand(2, 400, n, 1, generator=draws, dtype=torch.float64)
    squares = [distance(one, other).value ** 2 for one, other in zip(x, y, strict=True)]
    assert_mean_is(squares, 1 / (3 * (n + 1)))  # twice the mean variance of order statistics


# --- exact in more dimensions, up to the directions ---


def test_a_set_has_the_distance_0_from_itself_in_any_order():
    x = normal(0, N, D)
    assert distance(x, x.flip(0)).value == 0
    assert distance(x, x.flip(0)).stderr == 0


@pytest.mark.parametrize("n", [50, 200, 300])
@pytest.mark.parametrize("dim", [1, 16, 64])
@pytest.mark.parametrize("size", [1.0, 1e6])
def test_the_distance_0_has_no_rounding_and_no_error(n, dim, size):
    x = size * normal(n, n, dim)
    shuffled = x[torch.randperm(n, generator=torch.Generator().manual_seed(0))]
    found = sliced_wasserstein(shuffled, x, Stream(0, ("itself",)))
    assert (found.value, found.stderr) == (0, 0)


def test_a_shift_has_its_length_over_the_root_of_the_dimension():
    x = normal(0, N, D)
    assert is_along_one_line(distance(x, x + LINE), float(LINE.norm()))


def test_gaussians_of_two_widths_have_the_difference_of_the_widths():
    found = distance(normal(0, 2000, D), 3 * normal(1, 2000, D))
    assert abs(found.value - 2) < 4 * found.stderr < 0.2


def test_points_on_a_line_are_told_apart_though_mean_and_variance_agree():
    """A known tool sees only these two moments: 0 here."""
    x, y = (points[:, None] * LINE / LINE.norm() for points in (TWO_POINTS, THREE_POINTS))
    assert torch.allclose(x.mean(0), y.mean(0))
    assert torch.allclose(x.T @ x, y.T @ y)
    found = distance(x.repeat(100, 1), y.repeat(100, 1))
    assert is_along_one_line(found, math.sqrt(2 - math.sqrt(2)))


# --- its error ---


def test_intervals_cover_the_distance_of_distributions(monkeypatch):
    monkeypatch.setattr(sliced, "N_PROJECTIONS", 50)
    found = [
        distance(normal(2 * i, N, D) + LINE, normal(2 * i + 1, 2 * N, D), i)
        for i in range(RESAMPLES)
    ]
    assert coverage(found, float(LINE.norm()) / math.sqrt(D)) >= 0.93


def test_the_error_of_the_data_is_that_of_new_data(monkeypatch):
    monkeypatch.setattr(sliced, "N_PROJECTIONS", 1)
    pairs = [(normal(2 * i, N, 1) + 1, 2 * normal(2 * i + 1, N, 1)) for i in range(RESAMPLES)]
    found = [distance(x, y) for x, y in pairs]
    spread = torch.tensor([e.value for e in found]).std()
    mean_stderr = sum(e.stderr for e in found) / RESAMPLES
    assert mean_stderr == pytest.approx(float(spread), rel=0.2)  # 4 / sqrt(2 * 200)
    assert coverage(found, math.sqrt(2)) >= 0.93


def test_the_projections_at_once_change_only_the_rounding(monkeypatch):
    x, y = normal(0, N, D) + 0.5, normal(1, 2 * N, D)
    expected = distance(x, y)
    for at_once in (1, 300, 1000):
        monkeypatch.setattr(sliced, "AT_ONCE", at_once)
        found = distance(x, y)
        assert (found.value, found.stderr) == pytest.approx(
            (expected.value, expected.stderr), rel=1e-10
        )


def test_directions_are_addressed_by_the_stream():
    x, y = normal(0, N, D) + LINE, normal(1, N, D)
    assert distance(x, y, 0) == distance(x, y, 0)
    assert distance(x, y, 0).value != distance(x, y, 1).value
