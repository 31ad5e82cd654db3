"""The kernel distance: every pair once, the closed form between Gaussians, no bias."""

import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from genbench.samples import kid
from genbench.samples.kid import cubic_kernel, kernel_distance
from tests.samples.drawn import assert_mean_is, coverage, normal

D, N, M = 5, 150, 250
P = torch.linspace(0, 0.6, D, dtype=torch.float64)
Q = torch.linspace(0.5, -0.2, D, dtype=torch.float64)


def mean_kernel(p, q):
    """E k(x, y) for independent x from N(p, I) and y from N(q, I)."""
    d, pq, pp, qq = len(p), float(p @ q), float(p @ p), float(q @ q)
    second = pq**2 + pp + qq + d
    third = pq**3 + 3 * pq * (pp + qq + d + 2)
    return 1 + 3 * pq / d + 3 * second / d**2 + third / d**3


TRUTH = mean_kernel(P, P) + mean_kernel(Q, Q) - 2 * mean_kernel(P, Q)


def distances():
    """Distances of 200 pairs of sets from N(P, I) and N(Q, I)."""
    return [
        kernel_distance(P + normal(2 * i, N, D), Q + normal(2 * i + 1, M, D)) for i in range(200)
    ]


@pytest.fixture(scope="module")
def found():
    return distances()


def test_the_kernel_is_the_published_one():
    x, y = normal(0, N, D), normal(1, M, D)
    expected = torch.from_numpy(polynomial_kernel(x.numpy(), y.numpy(), degree=3))
    assert torch.allclose(cubic_kernel(x, y), expected, rtol=1e-12)


def test_the_distance_is_the_mean_over_all_pairs_of_different_rows():
    x, y = normal(0, N, D) + 0.3, normal(1, M, D)
    k_x, k_y = (cubic_kernel(each, each) for each in (x, y))
    within = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (k_x, k_y)]
    expected = float(within[0] + within[1] - 2 * cubic_kernel(x, y).mean())
    assert kernel_distance(x, y).value == pytest.approx(expected, rel=1e-11)
    assert kernel_distance(y, x).value == pytest.approx(expected, rel=1e-11)
    assert (kernel_distance(x, y).n, kernel_distance(y, x).n) == (N, M)


def test_the_mean_is_the_closed_form_and_intervals_cover_it(found):
    assert_mean_is([e.value for e in found], TRUTH)
    assert coverage(found, TRUTH) >= 0.93
    spread = torch.tensor([e.value for e in found]).std()
    assert sum(e.stderr for e in found) / len(found) == pytest.approx(float(spread), rel=0.2)


def test_equal_distributions_have_the_mean_0_on_both_sides_of_it():
    equal = [
        kernel_distance(P + normal(2 * i, N, D), P + normal(2 * i + 1, M, D)) for i in range(200)
    ]
    values = [e.value for e in equal]
    assert_mean_is(values, 0.0)
    assert min(values) < 0 < max(values)
    assert coverage(equal, 0.0) >= 0.93


def test_pairs_of_a_row_with_itself_would_bias_it():
    values = []
    for i in range(200):
        x, y = P + normal(2 * i, N, D), P + normal(2 * i + 1, N, D)
        both = cubic_kernel(x, x).mean() + cubic_kernel(y, y).mean()
        values.append(float(both - 2 * cubic_kernel(x, y).mean()))
    with pytest.raises(AssertionError):
        assert_mean_is(values, 0.0)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_the_rows_at_once_change_only_the_rounding(monkeypatch, rows):
    x, y = normal(0, N, D) + 0.3, normal(1, M, D)
    expected = kernel_distance(x, y)
    monkeypatch.setattr(kid, "ROWS", rows)
    found = kernel_distance(x, y)
    assert (found.value, found.stderr) == pytest.approx((expected.value, expected.stderr), 1e-9)
