"""The neighbour pass against brute force in float64."""

import pytest
import torch

from genbench.core.estimate import NonFiniteError, NotApplicableError
from genbench.samples import screening
from genbench.samples.neighbours import GROUP, Neighbourhoods, nearest, occupancy
from tests.draws import randn
from tests.samples.sizes import Sizes


def brute_force(queries, points):
    """All distances (N, M), pair by pair in float64."""
    return (queries[:, None] - points).square().sum(dim=-1).sqrt()


CASES = {
    "gaussian": (randn(60, 5, seed=1), randn(400, 5, seed=2)),
    "few points": (randn(9, 3, seed=3), randn(6, 3, seed=4)),
    "one dimension": (randn(50, 1, seed=5), randn(300, 1, seed=6)),
    "far from the origin": (randn(50, 4, seed=7) + 1e5, randn(300, 4, seed=8) + 1e5),
    "an outlier": (
        randn(50, 4, seed=9),
        torch.cat((randn(300, 4, seed=10), randn(1, 4, seed=11) * 1e7)),
    ),
    "one far query": (
        torch.cat((randn(5, 4, seed=12), randn(1, 4, seed=13) * 1e30)),
        randn(300, 4, seed=14),
    ),
    "ties": ((randn(80, 2, seed=15) * 2).round(), (randn(500, 2, seed=16) * 2).round()),
    "nearly equal": (1 + 1e-9 * randn(40, 8, seed=17), 1 + 1e-9 * randn(200, 8, seed=18)),
    "all equal": (torch.ones(30, 4).double(), torch.ones(40, 4).double()),
}
case = pytest.mark.parametrize("sets", CASES.values(), ids=CASES)


@case
@pytest.mark.parametrize("k", [1, 5])
def test_the_nearest_are_those_of_brute_force(sets, k):
    queries, points = sets
    found = nearest(queries, points, k)
    everything = brute_force(queries, points)
    expected, rows = everything.sort(dim=1, stable=True)
    assert torch.equal(found.distances, expected[:, :k])
    assert torch.equal(found.rows, rows[:, :k])


@case
def test_a_point_is_no_neighbour_of_its_own(sets):
    points = sets[1]
    found = nearest(points, points, 3, own=torch.arange(len(points)))
    everything = brute_force(points, points)
    everything.fill_diagonal_(torch.inf)
    assert torch.equal(found.distances, everything.sort(dim=1).values[:, :3])
    assert not (found.rows == torch.arange(len(points))[:, None]).any()
    assert torch.equal(everything.gather(1, found.rows), found.distances)


def test_some_points_are_no_neighbours_of_their_own_either():
    points, own = CASES["ties"][1], torch.tensor([7, 300, 7])
    everything = nearest(points, points, 2, own=torch.arange(len(points)))
    found = nearest(points[own], points, 2, own=own)
    assert torch.equal(found.distances, everything.distances[own])
    assert torch.equal(found.rows, everything.rows[own])


@case
def test_the_occupants_are_those_of_brute_force(sets):
    points, centres = sets
    radii = nearest(centres, centres, 3, own=torch.arange(len(centres))).distances[:, 2]
    inside = brute_force(points, centres) <= radii
    found = occupancy(points, centres, radii)
    assert torch.equal(found.balls, inside.sum(dim=1))
    assert torch.equal(found.points, inside.sum(dim=0))


def test_a_ball_holds_its_surface():
    points = randn(200, 7, seed=20)
    radii = nearest(points, points, 4, own=torch.arange(200)).distances[:, 3]
    assert torch.equal(occupancy(points, points, radii).points, torch.full((200,), 5))


@case
@pytest.mark.parametrize("pairs", [1, 700, 10**9])
def test_nothing_depends_on_the_size_of_a_block(sets, pairs, monkeypatch):
    queries, points = sets
    expected = nearest(queries, points, 2), occupancy(queries, points, torch.ones(len(points)))
    monkeypatch.setattr(screening, "BLOCK", pairs)
    monkeypatch.setattr(screening, "PAIRS", max(1, pairs // 100))
    found = nearest(queries, points, 2), occupancy(queries, points, torch.ones(len(points)))
    for a, b in zip(found, expected, strict=True):
        assert all(torch.equal(vars(a)[name], vars(b)[name]) for name in vars(a))


def test_few_distances_are_computed_exactly(monkeypatch):
    """The bounds leave open little more than the k nearest themselves."""
    counted, real = [], screening.Screen.distances

    def count(screen, pairs):
        counted.append(len(pairs[0]))
        return real(screen, pairs)

    monkeypatch.setattr(screening.Screen, "distances", count)
    nearest(randn(300, 64, seed=21), randn(5000, 64, seed=22), 5)
    assert 5 * 300 <= sum(counted) < 5.5 * 300


def test_there_is_no_matrix_of_all_pairs():
    queries, points = randn(900, 4, seed=28), randn(1100, 4, seed=29)
    with Sizes() as sizes:
        nearest(queries, points, 5)
        occupancy(queries, points, torch.ones(1100))
    assert sizes.largest <= screening.ROWS * (1100 + GROUP)


def test_points_of_another_space_are_an_error_of_the_caller():
    with pytest.raises(ValueError, match=r"\[9, 2\] and \[9, 3\]"):
        nearest(randn(9, 2, seed=30), randn(9, 3, seed=31), 1)


def test_each_pass_is_made_once(monkeypatch):
    made, real = [], screening.Screen.__init__

    def count(screen, *arguments):
        made.append(1)
        real(screen, *arguments)

    monkeypatch.setattr(screening.Screen, "__init__", count)
    near = Neighbourhoods(randn(40, 3, seed=23), randn(50, 3, seed=24))
    for _ in range(3):
        assert near.of_reference.rows.shape == (50, 6)
        near.samples_in_balls(3)
        near.samples_in_balls(5)
    assert len(made) == 3


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_is_refused_with_its_row(value):
    points = randn(10, 3, seed=25)
    points[4, 1] = value
    with pytest.raises(NonFiniteError, match="first is datum 4"):
        nearest(randn(5, 3, seed=26), points, 1)
    with pytest.raises(NonFiniteError, match="first is datum 4"):
        occupancy(points, randn(5, 3, seed=26), torch.ones(5))


def test_too_few_points_are_refused():
    points = randn(5, 3, seed=27)
    with pytest.raises(NotApplicableError, match=r"needs 6 images \(for 5 neighbours\), found 5"):
        nearest(points, points, 5, own=torch.arange(5))
