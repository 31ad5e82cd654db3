"""The Fréchet distance: closed forms, its bias, both sides halved, intervals that cover."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import Stream
from genbench.samples import frechet
from genbench.samples.frechet import (
    Moments,
    frechet_distance,
    frechet_extrapolated,
    moments,
    squared_distance,
)
from tests.samples.drawn import assert_mean_is, coverage, jackknife_stderr, normal

D, N, M, RESAMPLES = 8, 240, 300, 200
SCALES = torch.linspace(0.5, 1.5, D, dtype=torch.float64)
SHIFT = torch.full((D,), 0.2, dtype=torch.float64)
TRUTH = float(SHIFT.square().sum() + (SCALES - 1).square().sum())


def shifted(seed, n=N):
    """Draws from N(SHIFT, diag SCALES²), whose distance from N(0, I) is TRUTH."""
    return SHIFT + SCALES * normal(seed, n, D)


@pytest.fixture(scope="module")
def resamples():
    """Pairs of sets from the two Gaussians, with fresh noise on both sides."""
    return [(shifted(2 * i), normal(2 * i + 1, M, D)) for i in range(RESAMPLES)]


@pytest.fixture(scope="module")
def extrapolated(resamples):
    return [frechet_extrapolated(x, y, Stream(i)) for i, (x, y) in enumerate(resamples)]


# --- the distance ---


def test_gaussians_along_the_same_axes_have_the_distance_of_their_axes():
    p = Moments(SHIFT, SCALES.square().diag())
    q = Moments(torch.zeros_like(SHIFT), torch.eye(D, dtype=torch.float64))
    assert squared_distance(p, q) == pytest.approx(TRUTH, rel=1e-14)


def test_gaussians_along_different_axes_have_the_distance_by_the_matrix_square_root():
    x, y = normal(0, 100, D) @ normal(1, D, D), normal(2, 100, D) @ normal(3, D, D) + 1
    covariances = [np.cov(each.numpy(), rowvar=False) for each in (x, y)]
    trace = np.trace(covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]))
    expected = (x.mean(0) - y.mean(0)).square().sum() + trace.real
    found = frechet_distance(x, y)
    assert found.value == pytest.approx(float(expected), rel=1e-10)
    assert found.n == 100


def test_a_set_has_the_distance_0_from_itself():
    x = normal(0, 100, D) @ normal(1, D, D)
    assert 0 <= frechet_distance(x, x.clone()).value < 1e-12
    assert frechet_distance(x, x.flip(0)).value < 1e-12


def test_the_distance_is_symmetric_and_keeps_under_rotation_and_shift():
    x, y = shifted(0), normal(1, M, D)
    rotation = torch.linalg.qr(normal(2, D, D)).Q
    value, stderr = frechet_distance(x, y).value, frechet_distance(x, y).stderr
    for found in (frechet_distance(y, x), frechet_distance(x @ rotation + 9, y @ rotation + 9)):
        assert (found.value, found.stderr) == pytest.approx((value, stderr), rel=1e-10)
    assert frechet_distance(3 * x, 3 * y).value == pytest.approx(9 * value, rel=1e-12)


def test_the_bias_between_equal_distributions_is_the_known_one():
    d, n = 4, 2000
    values = [
        frechet_distance(normal(2 * i, n, d), normal(2 * i + 1, n, d)).value for i in range(200)
    ]
    assert_mean_is(values, 2 * d / n + d * (d + 1) / (2 * n))


def test_samples_that_are_all_the_same_have_the_distance_of_a_point():
    y = normal(0, M, D)
    x = torch.full((N, D), 0.3, dtype=torch.float64)
    expected = (y.mean(dim=0) - 0.3).square().sum() + y.var(dim=0).sum()
    found = frechet_distance(x, y)
    assert found.value == pytest.approx(float(expected), rel=1e-12)
    assert 0 < found.stderr < found.value


def test_a_feature_that_never_varies_changes_nothing():
    x, y = shifted(0), normal(1, M, D)
    wider = [torch.nn.functional.pad(each, (0, 1), value=2.0) for each in (x, y)]
    expected, found = frechet_distance(x, y), frechet_distance(*wider)
    assert (found.value, found.stderr) == pytest.approx((expected.value, expected.stderr), rel=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_the_rows_at_once_change_only_the_rounding(monkeypatch, rows):
    x, y = shifted(0), normal(1, M, D)
    expected = frechet_distance(x, y)
    monkeypatch.setattr(frechet, "ROWS", rows)
    found = frechet_distance(x, y)
    assert (found.value, found.stderr) == pytest.approx((expected.value, expected.stderr), 1e-12)


@pytest.mark.parametrize("extra", [(), (Stream(0),)])
def test_ten_rows_for_each_feature_are_needed_on_both_sides(extra):
    metric = frechet_extrapolated if extra else frechet_distance
    few, enough = normal(0, 79, D), normal(1, 80, D)
    assert math.isfinite(metric(enough, enough.flip(1), *extra).value)
    with pytest.raises(NotApplicableError) as samples:
        metric(few, enough, *extra)
    assert str(samples.value) == "needs 80 samples (10 for each of 8 features), found 79"
    with pytest.raises(NotApplicableError, match="images in the reference"):
        metric(enough, few, *extra)


# --- its error ---


def test_the_error_is_that_of_leaving_out_rows_of_either_set():
    x, y = shifted(0), normal(1, M, D)

    def distance(p, q):
        return squared_distance(moments(p), moments(q))

    of_x = jackknife_stderr(lambda rows: distance(rows, y), x)
    of_y = jackknife_stderr(lambda rows: distance(x, rows), y)
    assert frechet_distance(x, y).stderr == pytest.approx(math.hypot(of_x, of_y), rel=0.05)


def test_the_raw_interval_misses_the_truth_and_the_one_without_bias_covers_it(
    resamples, extrapolated
):
    assert coverage([frechet_distance(x, y) for x, y in resamples], TRUTH) < 0.9
    assert coverage(extrapolated, TRUTH) >= 0.93
    spread = torch.tensor([e.value for e in extrapolated]).std()
    mean_stderr = sum(e.stderr for e in extrapolated) / RESAMPLES
    assert mean_stderr == pytest.approx(float(spread), rel=0.2)  # 4 / sqrt(2 * 200)


def test_the_interval_covers_0_for_equal_distributions():
    found = [
        frechet_extrapolated(normal(2 * i, N, D), normal(2 * i + 1, M, D), Stream(i))
        for i in range(RESAMPLES)
    ]
    assert coverage(found, 0.0) >= 0.93
    assert_mean_is([e.value for e in found], 0.0)


# --- the extrapolation ---


def one_sided(x, y):
    """What a known tool does: 2 FD(n) − FD(n/2) with the whole reference in both."""
    whole = squared_distance(moments(x), moments(y))
    halves = [squared_distance(moments(part), moments(y)) for part in x.chunk(2)]
    return 2 * whole - sum(halves) / 2


def test_halving_both_sides_removes_the_bias_and_halving_one_does_not(resamples, extrapolated):
    assert_mean_is([e.value for e in extrapolated], TRUTH)
    with pytest.raises(AssertionError):
        assert_mean_is([one_sided(x, y) for x, y in resamples], TRUTH)
    with pytest.raises(AssertionError):
        assert_mean_is([frechet_distance(x, y).value for x, y in resamples], TRUTH)


def test_splits_are_addressed_by_the_stream():
    x, y = shifted(0), normal(1, M, D)
    first, again, other = (frechet_extrapolated(x, y, Stream(s)) for s in (0, 0, 1))
    assert first == again
    assert first.value != other.value
    assert first.stderr == other.stderr
