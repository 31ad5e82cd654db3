"""The evidence of a regression against its posterior by Bayes' rule and against sampling."""

import numpy as np
import pytest
from scipy.stats import norm

from genbench.core.seeding import Stream
from genbench.studies import Findings, Setting, studies
from genbench.studies.polynomial_evidence import EvidenceOptions, features, log_evidence


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["polynomial_evidence"].function(
        EvidenceOptions(n_repeats=20), Setting(Stream(0))
    )


def test_every_check_passes(findings):
    assert len(findings.checks) == 4
    assert [check.name for check in findings.checks if not check.passed] == []


def test_the_evidence_is_likelihood_and_prior_over_posterior():
    t = np.linspace(-1, 1, 7)
    F, y, s2 = features(t, 2), np.sin(2 * t) + 0.1 * t**2, 0.04
    covariance = np.linalg.inv(np.eye(3) + F.T @ F / s2)
    c = covariance @ F.T @ y / s2  # at the mode log p(c given y) is -log det(2 pi S) / 2
    log_posterior = -0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    expected = norm.logpdf(c).sum() + norm(F @ c, 0.2).logpdf(y).sum() - log_posterior
    assert log_evidence(y, F, 0.2) == pytest.approx(expected, abs=1e-9)


def test_the_evidence_is_the_mean_likelihood_over_the_prior():
    t, y = np.array([-0.5, 0.8]), np.array([0.3, -0.2])
    F = features(t, 1)
    c = np.random.default_rng(0).normal(size=(200_000, 2))
    likelihood = norm(c @ F.T, 0.7).pdf(y).prod(axis=1)
    stderr = likelihood.std() / len(c) ** 0.5
    assert np.exp(log_evidence(y, F, 0.7)) == pytest.approx(likelihood.mean(), abs=4 * stderr)


def test_more_columns_than_data_are_no_obstacle():
    t, y = np.array([-0.5, 0.1, 0.8]), np.array([0.3, -0.2, 1.0])
    F = features(t, 9)
    covariance = F @ F.T + 0.09 * np.eye(3)
    expected = -0.5 * (y @ np.linalg.solve(covariance, y))
    expected -= 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert log_evidence(y, F, 0.3) == pytest.approx(expected, abs=1e-10)


def test_legendre_polynomials_are_the_features():
    t = np.array([-1.0, 0.0, 0.5])
    assert features(t, 2)[:, 2] == pytest.approx((3 * t**2 - 1) / 2)


def test_test_error_turns_up_where_training_error_still_falls(findings):
    table = findings.tables["degrees"].set_index("degree")
    assert table.training.is_monotonic_decreasing
    assert table.test[10] > 1.1 * table.test[3]
    assert table.log_evidence[3] - table.log_evidence[1] > 2


def test_the_shares_of_the_choices_add_up(findings):
    choices = findings.tables["choices"]
    assert choices.evidence.sum() == pytest.approx(1)
    assert choices["training error"].iloc[-1] == pytest.approx(1)
