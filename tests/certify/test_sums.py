"""Sums of claims that are known: honest ones with noise, and the same with a fault."""

import math

import pytest
import scipy
import torch

from genbench.certify.claims import Likelihood
from genbench.certify.points import points_of
from genbench.certify.sums import N_REPEATS, judge_sum, reach, sum_of
from genbench.certify.worlds import LAWS, worlds_of
from genbench.core.seeding import Stream

DISCRETE = worlds_of("binary")[0]
LAW = LAWS["binary"].joint.sum(dim=1).log()


def noisy(scale, kind, is_tight, seed=0, shift=0.0):
    """Log p(x) with Gaussian noise: unbiased in p(x) if it is tight, else in its logarithm."""
    with Stream(seed, ("noise",)).seeded():
        noise = torch.randn(N_REPEATS, 512, dtype=torch.float64) * scale
    down = scale**2 / 2 if is_tight else 0.0
    return Likelihood("claim", kind, is_tight, LAW + noise - down + shift)


def verdict(claim):
    points = points_of(DISCRETE, object())
    return judge_sum("model: claim", "sum", claim, points, 2, lambda: None)


def test_an_exact_claim_sums_to_one_to_rounding():
    found = sum_of(noisy(0.0, "exact", False), points_of(DISCRETE, object()))
    assert found.value == pytest.approx(1, abs=1e-12)
    assert found.stderr == 0
    assert verdict(noisy(0.0, "exact", False)).passed
    assert not verdict(noisy(0.0, "exact", False, shift=1e-3)).passed
    assert not verdict(noisy(0.0, "exact", False, shift=-1e-3)).passed


def test_a_claim_given_the_label_is_held_to_one_as_tightly():
    model = GivenLabel()
    points = points_of(DISCRETE, model)
    twice = Likelihood("claim", "exact", False, LAW.repeat(2).expand(N_REPEATS, -1))
    found = sum_of(twice, points)
    assert len(points.x) == 1024
    assert found.value == pytest.approx(1, abs=1e-12)
    assert found.tolerance(N_REPEATS) < 1e-3
    high = twice._replace(values=twice.values + 1e-3)
    assert not judge_sum("model: claim", "sum", high, points, 2, lambda: None).passed


class GivenLabel:
    """A conditional model whose methods are not asked."""

    def given(self, y):
        raise AssertionError


def test_a_bound_with_noise_is_summed_without_the_bias_of_the_exponential():
    points = points_of(DISCRETE, object())
    sums = [sum_of(noisy(1.0, "lower_bound", False, seed), points) for seed in range(40)]
    values = torch.tensor([each.value for each in sums])
    stderr = float(values.std()) / math.sqrt(len(sums))
    plain = float((noisy(1.0, "lower_bound", False).values.exp()).sum(dim=1).mean())
    assert abs(float(values.mean()) - 1) < 4 * stderr
    assert plain > 1.5
    stated = sum(each.stderr for each in sums) / len(sums)
    assert 0.7 < stated / float(values.std()) < 1.4


@pytest.mark.parametrize(("kind", "is_tight"), [("lower_bound", False), ("lower_bound", True)])
def test_honest_claims_pass_and_claims_that_are_too_high_fail(kind, is_tight):
    for seed in range(50):
        assert verdict(noisy(0.3, kind, is_tight, seed)).passed
        assert not verdict(noisy(0.3, kind, is_tight, seed, math.log(1.21))).passed


def test_a_bound_may_be_low_but_an_unbiased_estimate_may_not():
    assert verdict(noisy(0.3, "lower_bound", False, shift=math.log(0.159))).passed
    low = verdict(noisy(0.3, "lower_bound", True, shift=math.log(0.159)))
    assert not low.passed
    assert low.found == pytest.approx(0.159, abs=0.01)


def test_the_level_of_a_check_is_that_of_its_family():
    beyond = 2 * (1 - scipy.integrate.quad(scipy.stats.t(11).pdf, -50, reach(11))[0])
    assert beyond == pytest.approx(1e-3 / 10_000, rel=0.01)


def test_the_error_of_quadrature_is_that_of_the_coarser_grid():
    plane, _ = worlds_of("unit_interval")
    points = points_of(plane, object())
    x = points.x.flatten(1).double()
    errors = []
    for scale in (0.2, 0.04):
        log_px = torch.distributions.Normal(0.47, scale).log_prob(x).sum(dim=1)
        found = sum_of(Likelihood("claim", "exact", False, log_px.repeat(2, 1)), points)
        errors.append((abs(found.value - 1), found.quadrature))
    (wide, stated_wide), (narrow, stated_narrow) = errors
    assert wide < 1e-6
    assert stated_wide < 1e-2
    assert 1e-5 < narrow < stated_narrow


def test_noise_is_averaged_within_each_level():
    _, world = worlds_of("unit_interval")
    points = points_of(world, object())
    law = LAWS["unit_interval"].joint.sum(dim=1).log()[points.group]
    wave = (
        torch.linspace(-1, 1, 16).double().repeat(16)[points.group.argsort(stable=True).argsort()]
    )
    claim = Likelihood("claim", "lower_bound", False, (law + wave).repeat(2, 1))
    assert sum_of(claim, points).value == pytest.approx(1, abs=1e-6)


def test_each_kind_of_claim_has_its_side():
    low, high = math.log(0.8), math.log(1.2)
    passes = {
        kind: [verdict(noisy(0.0, kind, False, shift=shift)).passed for shift in (low, 0.0, high)]
        for kind in ("exact", "estimate", "lower_bound", "upper_bound")
    }
    assert passes == {
        "exact": [False, True, False],
        "estimate": [False, True, False],
        "lower_bound": [True, True, False],
        "upper_bound": [False, True, True],
    }
