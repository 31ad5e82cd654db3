"""Precision, recall, density and coverage against brute force and their exact means."""

import math

import pytest
import torch

from genbench.core.estimate import NotApplicableError
from genbench.samples.balls import coverage, coverage_null, density, precision, recall
from genbench.samples.neighbours import Neighbourhoods
from tests.draws import randn

METRICS = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def values(samples, reference):
    near = Neighbourhoods(samples, reference)
    return {name: metric(near).value for name, metric in METRICS.items()}


def brute_force(samples, reference):
    """The definitions of the papers, from all distances."""
    across = (samples[:, None] - reference).square().sum(dim=-1).sqrt()

    def radii(points, k):
        distances = (points[:, None] - points).square().sum(dim=-1).sqrt()
        return distances.sort(dim=1).values[:, k]

    inside = across <= radii(reference, 5)
    return {
        "precision": float((across <= radii(reference, 3)).any(dim=1).double().mean()),
        "recall": float((across <= radii(samples, 3)[:, None]).any(dim=0).double().mean()),
        "density": float(inside.sum()) / (5 * len(samples)),
        "coverage": float(inside.any(dim=0).double().mean()),
    }


@pytest.mark.parametrize(("n", "m"), [(80, 80), (120, 40), (30, 100)])
def test_the_values_are_those_of_the_definitions(n, m):
    samples, reference = 0.7 * randn(n, 3, seed=1) + 0.4, randn(m, 3, seed=2)
    found, expected = values(samples, reference), brute_force(samples, reference)
    assert found == pytest.approx(expected, rel=1e-14)
    assert all(0 < value != 1 for value in found.values())


def test_disjoint_supports_have_nothing():
    assert set(values(randn(50, 4, seed=3), randn(60, 4, seed=4) + 1000).values()) == {0.0}


def test_the_reference_itself_has_everything():
    reference = randn(60, 4, seed=5)
    found = values(reference.clone(), reference)
    assert {found[name] for name in ("precision", "recall", "coverage")} == {1.0}
    assert found["density"] == pytest.approx(6 / 5)


def test_one_mode_of_two_has_precision_but_not_recall():
    """A swap of the two would turn this round."""
    modes = torch.cat((randn(100, 2, seed=6), randn(100, 2, seed=7) + 100))
    one = Neighbourhoods(randn(200, 2, seed=8), modes)
    assert precision(one).value > 0.9
    assert recall(one).value <= 0.5
    both = Neighbourhoods(modes, randn(200, 2, seed=8))
    assert precision(both).value <= 0.5
    assert recall(both).value > 0.9


def test_one_image_repeated_has_no_recall():
    reference = randn(100, 3, seed=9)
    found = values(reference[:1].repeat(100, 1), reference)
    assert found["precision"] == 1
    assert found["recall"] == 0.01
    assert found["coverage"] < 0.2


def draws(kind, n, m, seed):
    """Samples and a reference of one distribution."""
    both = randn(n + m, 2, seed=seed)
    both = {"normal": both, "heavy tails": both**5, "curve": torch.cat((both, both**2), 1)}[kind]
    return both[:n], both[n:]


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "curve"])
@pytest.mark.parametrize(("n", "m"), [(40, 40), (20, 50)])
def test_density_and_coverage_have_their_means_for_any_distribution(kind, n, m):
    near = [Neighbourhoods(*draws(kind, n, m, seed)) for seed in range(300)]
    for metric, expected in ((density, 1.0), (coverage, coverage_null(n, m))):
        found = torch.tensor([metric(each).value for each in near], dtype=torch.float64)
        assert abs(float(found.mean()) - expected) < 3.5 * float(found.std()) / math.sqrt(len(near))


def test_the_null_of_coverage_counts_orders_of_five_neighbours():
    """A ball of 5 is empty if its 5 nearest among M − 1 + N others are all of the M − 1."""
    n, m = 7, 9
    empty = math.comb(m - 1, 5) / math.comb(m - 1 + n, 5)
    assert coverage_null(n, m) == pytest.approx(1 - empty, rel=1e-14)


def test_shares_have_the_error_of_a_mean():
    samples, reference = randn(80, 3, seed=10), 0.8 * randn(50, 3, seed=11)
    near = Neighbourhoods(samples, reference)
    for metric, n in ((precision, 80), (recall, 50)):
        found = metric(near)
        p = found.value
        assert found.n == 80
        assert found.stderr == pytest.approx(math.sqrt(p * (1 - p) / (n - 1)), rel=1e-12)


@pytest.mark.parametrize("metric", [density, coverage])
def test_the_jackknife_leaves_out_one_reference_image_at_a_time(metric):
    samples, reference = 0.7 * randn(12, 2, seed=14) + 0.8, randn(30, 2, seed=15)
    found = metric(Neighbourhoods(samples, reference))
    left_out = [torch.cat((reference[:i], reference[i + 1 :])) for i in range(30)]
    values = torch.tensor([metric(Neighbourhoods(samples, rest)).value for rest in left_out])
    expected = math.sqrt(29 * float(values.double().var(correction=0)))
    assert found.stderr == pytest.approx(expected, rel=1e-5)
    assert found.stderr > 0


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_intervals_of_density_cover_its_mean(shift):
    found = []
    for seed in range(200):
        both = randn(400, 4, seed=100 + seed)
        found.append(density(Neighbourhoods(both[:200] + shift, both[200:])))
    mean = 1.0 if shift == 0 else sum(each.value for each in found) / len(found)
    assert sum(abs(each.value - mean) <= 1.96 * each.stderr for each in found) >= 0.93 * 200


def test_too_few_images_are_refused():
    with pytest.raises(NotApplicableError, match=r"needs 7 images \(for 6 neighbours\), found 4"):
        density(Neighbourhoods(randn(40, 3, seed=12), randn(4, 3, seed=13)))
