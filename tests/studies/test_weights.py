"""The moments of weights against Riemann sums, and where they stop to exist."""

import math

import numpy as np
import pytest

from genbench.core.seeding import Stream
from genbench.studies import Findings, Setting, studies
from genbench.studies.weights import WeightsOptions, log_moments, moment, relative_variances

Z = np.linspace(-60, 60, 600_001)


def log_normal(z, mean, scale):
    return -0.5 * ((z - mean) / scale) ** 2 - math.log(scale * math.sqrt(2 * math.pi))


def expectation(power, mean, scale):
    """Return E_q[w^power] by a sum over a fine grid."""
    log_q, log_p = log_normal(Z, mean, scale), log_normal(Z, 0, 1)
    return np.trapezoid(np.exp(power * log_p + (1 - power) * log_q), Z)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["weights"].function(WeightsOptions(n_repeats=200), Setting(Stream(0)))


def test_every_check_passes(findings):
    assert len(findings.checks) == 8
    assert [check.name for check in findings.checks if not check.passed] == []


@pytest.mark.parametrize(("mean", "scale"), [(2.0, 1.1), (0.0, 0.9), (-1.0, 2.0)])
def test_the_moments_are_those_of_a_riemann_sum(mean, scale):
    for power in (1, 2, 3):
        assert moment(power, mean, scale) == pytest.approx(expectation(power, mean, scale))


def test_the_moments_of_the_log_weight_are_those_of_a_riemann_sum():
    q = np.exp(log_normal(Z, 2.0, 1.1))
    log_w = log_normal(Z, 0, 1) - log_normal(Z, 2.0, 1.1)
    mean = np.trapezoid(q * log_w, Z)
    expected = [mean] + [np.trapezoid(q * (log_w - mean) ** n, Z) for n in (2, 4)]
    assert log_moments(2.0, 1.1) == pytest.approx(expected)


def test_the_variance_of_the_weights_exists_only_for_a_wide_enough_q():
    assert moment(2, 0.0, 0.5**0.5 - 1e-3) == math.inf
    assert moment(2, 0.0, 0.5**0.5 + 1e-3) < math.inf
    assert moment(2, 3.0, 0.5) == math.inf
    wider = [np.trapezoid(np.exp(2 * log_normal(z, 0, 1) - log_normal(z, 0, 0.6)), z)
             for z in (np.linspace(-n, n, 20_001) for n in (5, 10, 20))]  # fmt: skip
    assert wider[0] * 100 < wider[1] * 10 < wider[2], "the integral grows with its range"


def test_equal_densities_have_weights_that_do_not_vary():
    assert moment(2, 0.0, 1.0) == pytest.approx(1)
    assert log_moments(0.0, 1.0) == (0.0, 0.0, 0.0)


def test_the_weights_vary_far_more_than_their_logarithms(findings):
    of_weights, of_logs = relative_variances(2.0, 1.1)
    assert of_weights == pytest.approx(15.98, abs=0.01)
    assert of_logs == pytest.approx(1.204, abs=0.001)
    table = findings.tables["relative_variance"].set_index("of").relative_variance
    assert (table["w"], table["log w"]) == pytest.approx((of_weights, of_logs))
