"""Authenticity and the test of data copying: brute force, the exact null, planted copies."""

import itertools
import math

import pytest
import torch
from scipy import stats

from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import Stream
from genbench.samples.memorisation import (
    NearestTraining,
    authenticity,
    cells_of,
    copying_test,
    mann_whitney_z,
)
from tests.draws import randn


def row(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_the_own_distance_is_that_of_the_nearest_training_image():
    """Wrong are the own distances of training image i, and of the image that is nearest to it."""
    near = NearestTraining(row(1.9, 10.5, 0.0), row(0.0, 2.0, 10.0, 14.0))
    assert near.rows.tolist() == [1, 2, 0]
    assert near.distances.tolist() == pytest.approx([0.1, 0.5, 0.0])
    assert near.own_distances.tolist() == [2.0, 4.0, 2.0]
    assert near.ratios.tolist() == pytest.approx([0.05, 0.125, 0.0])
    assert near.most_suspicious(2).tolist() == [2, 0]


def test_authenticity_is_that_of_its_definition():
    images, training = randn(90, 3, seed=1), randn(70, 3, seed=2)
    across = (images[:, None] - training).square().sum(dim=-1).sqrt()
    within = (training[:, None] - training).square().sum(dim=-1).sqrt().fill_diagonal_(torch.inf)
    distance, nearest = across.min(dim=1)
    expected = float((distance > within.min(dim=1).values[nearest]).double().mean())
    found = authenticity(NearestTraining(images, training))
    assert found.value == pytest.approx(expected, rel=1e-14)
    assert 0 < found.value < 1
    assert found.stderr == pytest.approx(math.sqrt(expected * (1 - expected) / 89), rel=1e-12)


def test_copies_are_not_authentic_and_images_far_away_are():
    training = randn(100, 3, seed=3)
    assert authenticity(NearestTraining(training[:40], training)).value == 0
    assert authenticity(NearestTraining(training[:40] + 50, training)).value == 1


def test_copies_of_an_image_that_is_there_twice_are_not_authentic():
    training = torch.cat((randn(50, 3, seed=4), randn(50, 3, seed=4)))
    near = NearestTraining(training[:10], training)
    assert authenticity(near).value == 0
    assert near.ratios.tolist() == [0.0] * 10


def test_planted_copies_are_the_most_suspicious():
    training, images = randn(400, 6, seed=5), randn(100, 6, seed=6)
    images[[17, 60]] = training[[321, 8]] + 1e-3
    near = NearestTraining(images, training)
    assert set(near.most_suspicious(2).tolist()) == {17, 60}
    assert near.rows[[17, 60]].tolist() == [321, 8]


def test_z_has_mean_0_and_variance_1_over_all_divisions_of_tied_values():
    values, n = row(1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 7.0)[:, 0], 3
    divisions = itertools.combinations(range(len(values)), n)
    chosen = [torch.isin(torch.arange(len(values)), torch.tensor(rows)) for rows in divisions]
    z = [mann_whitney_z(values[each], values[~each]) for each in chosen]
    assert sum(z) == pytest.approx(0, abs=1e-12)
    assert sum(each**2 for each in z) / len(z) == pytest.approx(1, rel=1e-12)


def test_z_is_that_of_scipy():
    x, y = (randn(40, 1, seed=7)[:, 0] * 3).round(), (randn(30, 1, seed=8)[:, 0] * 3 + 4).round()
    expected = stats.mannwhitneyu(
        x, y, use_continuity=False, method="asymptotic", alternative="less"
    )
    assert stats.norm.cdf(mann_whitney_z(x, y)) == pytest.approx(expected.pvalue, rel=1e-12)
    assert mann_whitney_z(x, y) < 0


def test_z_of_equal_values_does_not_exist():
    assert mann_whitney_z(torch.zeros(5), torch.zeros(4)) is None


CELLS = torch.eye(3, dtype=torch.float64) * 100
TRAINING = torch.cat([randn(60, 3, seed=9 + i) + cell for i, cell in enumerate(CELLS)])


def independent(seed):
    """Images whose noise differs from cell to cell."""
    parts = [randn(50, 3, seed=1000 * seed + i) + cell for i, cell in enumerate(CELLS)]
    return NearestTraining(torch.cat(parts), TRAINING)


def without_copying():
    """Tests of samples and held-out images of the same distribution."""
    return [copying_test(independent(2 * i + 1), independent(2 * i + 2), CELLS) for i in range(200)]


@pytest.fixture(scope="module")
def tests_of_the_null():
    return without_copying()


def test_z_is_standard_normal_without_copying(tests_of_the_null):
    """The weighted average of the cells, as published code has it, has a deviation of 0.577."""
    z = torch.tensor([each.z for each in tests_of_the_null], dtype=torch.float64)
    assert abs(float(z.mean())) < 3.5 / math.sqrt(len(z))
    assert abs(float(z.std()) - 1) < 3.5 / math.sqrt(2 * len(z))


def test_p_values_are_uniform_without_copying(tests_of_the_null):
    assert stats.kstest([each.p_value for each in tests_of_the_null], "uniform").pvalue > 0.01


def test_copies_are_found():
    copies = NearestTraining(TRAINING + 0.01 * randn(180, 3, seed=31), TRAINING)
    found = copying_test(copies, independent(1), CELLS)
    assert found.z < -5
    assert found.p_value < 1e-6


def test_images_that_are_far_from_the_training_images_have_a_positive_z():
    assert copying_test(NearestTraining(TRAINING + 2, TRAINING), independent(1), CELLS).z > 5


def test_cells_with_few_images_are_left_out_and_said():
    few = NearestTraining(
        torch.cat((randn(50, 3, seed=32) + CELLS[0], randn(19, 3, seed=33) + CELLS[1])), TRAINING
    )
    found = copying_test(few, independent(1), CELLS)
    assert [cell.n_samples for cell in found.cells] == [50, 19, 0]
    assert [cell.z is None for cell in found.cells] == [False, True, True]
    assert found.z == pytest.approx(found.cells[0].z)
    assert found.remark.startswith("2 of 3 cells, with 19 of 69 samples, left out: fewer than 20")
    assert copying_test(independent(2), independent(1), CELLS).remark == ""


def test_no_cell_with_enough_images_is_refused():
    few = NearestTraining(randn(19, 3, seed=34), TRAINING)
    with pytest.raises(NotApplicableError, match="20 samples and 20 held-out images"):
        copying_test(few, independent(1), CELLS)


def test_cells_are_the_same_each_time_and_find_the_clusters():
    first, again = (cells_of(TRAINING, Stream(0, ("a",)), 3) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.cdist(first, CELLS).min(dim=1).values.max() < 1
    assert len(cells_of(TRAINING, Stream(0, ("a",)))) == 1
    assert len(cells_of(randn(1500, 2, seed=35), Stream(0, ("a",)))) == 10
