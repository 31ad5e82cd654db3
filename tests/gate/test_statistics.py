"""The gate's tests against scipy's, and against numbers by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from genbench.core.statistics import Noise, Part, difference, mean_part, total
from genbench.gate.statistics import (
    CONTRADICTED,
    PRIOR_WEIGHT,
    by_seed,
    detectable,
    is_contradicted,
    repeated,
    seeds_part,
    welch,
)

NOW, THEN = [3.1, 2.7, 3.9, 3.3], [2.0, 2.4, 1.1, 2.2]


def test_without_a_prior_the_test_is_welchs():
    noise = total(welch(NOW, THEN, None))
    expected = stats.ttest_ind(THEN, NOW, equal_var=False, alternative="less")
    assert noise.tail(np.mean(THEN) - np.mean(NOW)) == pytest.approx(expected.pvalue, rel=1e-12)
    assert noise.df == pytest.approx(expected.df)


def test_without_a_prior_the_test_of_equal_seeds_is_the_paired_t_test():
    noise = total(by_seed(NOW, THEN, None))
    expected = stats.ttest_rel(THEN, NOW, alternative="less")
    assert noise.tail(np.mean(THEN) - np.mean(NOW)) == pytest.approx(expected.pvalue, rel=1e-12)


def test_one_seed_without_a_prior_says_nothing():
    assert seeds_part([1.0], prior=None) is None


def test_the_prior_counts_as_its_degrees_of_freedom():
    part = seeds_part([1.0, 3.0], prior=1.5)  # variance 2 with 1 df, 2.25 with the prior's
    assert part.df == PRIOR_WEIGHT + 1
    assert part.variance == pytest.approx((PRIOR_WEIGHT * 2.25 + 2.0) / (PRIOR_WEIGHT + 1) / 2)


def test_a_single_seed_has_the_prior_alone():
    assert seeds_part([7.0], prior=0.5) == Part(0.25, PRIOR_WEIGHT)


def test_a_spread_that_contradicts_the_prior_speaks_for_itself():
    values = [0.0, 2 * CONTRADICTED]  # its standard deviation is sqrt(2) CONTRADICTED
    assert is_contradicted(values, prior=1.0)
    assert seeds_part(values, prior=1.0) == seeds_part(values, prior=None)
    assert not is_contradicted(values, prior=2.0)
    assert not is_contradicted([5.0], prior=1e-9)


def test_differences_of_equal_seeds_have_twice_the_priors_variance():
    assert total(by_seed([1.0], [2.0], 0.5)).stderr == pytest.approx(math.sqrt(2) * 0.5)


def test_repeated_gives_both_sides_the_spread_of_the_baseline():
    assert repeated([1.0, 5.0], None) == [Part(8.0, 1.0)]
    assert repeated([1.0], None) == [None]


@pytest.mark.parametrize("margin", [0.0, 0.8])
def test_a_detectable_loss_is_found_with_the_stated_power(margin):
    noise, level, trials = Noise(0.2, 1e6), 0.001, 4000
    loss = detectable(noise, margin, level)
    estimates = np.random.default_rng(0).normal(-loss, noise.stderr, trials)
    found = np.mean([noise.tail(e) < level and -e > margin for e in estimates])
    assert abs(found - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)


def test_the_gate_and_the_report_take_the_same_error_of_the_same_values():
    rng = np.random.default_rng(0)
    now, then = ({s: rng.normal(0.1 * s, 1.0, 50) for s in range(n)} for n in (3, 4))
    means = [[float(values.mean()) for values in side.values()] for side in (now, then)]
    apart = np.mean(list(now.values()), axis=0) - np.mean(list(then.values()), axis=0)
    noise = total([mean_part(apart), *welch(*means, prior=None)])
    assert difference(now, then).stderr == noise.stderr
