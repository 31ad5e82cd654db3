"""The statistics against scipy and hand-made answers."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from genbench.core.addressed import numpy_generator
from genbench.core.statistics import (
    ENOUGH_PAIRS,
    Noise,
    Part,
    difference,
    holm,
    interquartile_mean,
    mean_part,
    percentile_interval,
    probability_of_improvement,
    seed_spread,
    total,
)

HARD = numpy_generator(0, "hard").normal(0, 5, 200)


def model(generator, seeds=1, seed_sd=0.0, n=200, mean=0.0):
    shifts = generator.normal(0, seed_sd, seeds) if seed_sd else np.zeros(seeds)
    own = generator.normal(0, 1, n)
    return {s: HARD[:n] + own + mean + shifts[s] for s in range(seeds)}


def test_the_part_of_a_mean_is_that_of_the_one_sample_t_test():
    differences = np.array([0.3, -0.2, 0.9, 0.4, 0.1])
    noise = total([mean_part(differences)])
    expected = stats.ttest_1samp(differences, 0.0, alternative="less")
    assert noise.tail(differences.mean()) == pytest.approx(expected.pvalue, rel=1e-12)


def test_parts_add_their_variances_and_share_satterthwaites_degrees_of_freedom():
    noise = total([Part(1.0, 4.0), Part(3.0, 6.0)])
    assert noise.stderr == 2.0
    assert noise.df == pytest.approx(16 / (1 / 4 + 9 / 6))


def test_an_unknown_part_makes_the_whole_unknown():
    assert total([Part(1.0, 4.0), None]) is None
    assert total([]) is None
    assert mean_part(np.array([1.0])) is None


def test_without_noise_any_difference_is_certain():
    none = Noise(0.0, 5.0)
    assert (none.tail(-1e-12), none.tail(0.0), none.tail(1e-12)) == (0.0, 0.5, 1.0)
    assert none.reach(0.01) == 0.0


def test_reach_is_the_quantile_of_the_tail():
    noise = Noise(0.3, 7.0)
    assert noise.tail(-noise.reach(0.01)) == pytest.approx(0.01, rel=1e-9)


def test_holm_steps_down_and_never_decreases():
    # sorted 0.01, 0.02, 0.03, 0.5: times 4, 3, 2, 1 = 0.04, 0.06, 0.06, 0.5
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_with_one_seed_it_is_the_paired_t_test():
    draws = numpy_generator(1, "one")
    first, second = model(draws, mean=0.15), model(draws)
    found = difference(first, second)
    expected = stats.ttest_rel(first[0], second[0])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-9)


def test_where_the_data_agree_it_is_welchs_test_over_seeds():
    one, other = [0.1, 0.5, 0.2, 0.4], [1.0, 1.4, 0.7, 1.1]
    first = {s: HARD + value for s, value in enumerate(one)}
    second = {s: HARD + value for s, value in enumerate(other)}
    found = difference(first, second)
    expected = stats.ttest_ind(one, other, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.dof == pytest.approx(expected.df, rel=1e-9)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-9)


def test_pairs_of_seeds_are_used_where_there_are_enough_of_them():
    shifts = [0.1, 0.9, -0.6, 0.3, -0.2]
    gains = [0.05, 0.07, 0.04, 0.06, 0.03]
    first = {s: HARD + a + b for s, (a, b) in enumerate(zip(shifts, gains, strict=True))}
    second = {s: HARD + a for s, a in enumerate(shifts)}
    expected = stats.ttest_1samp(gains, 0.0)
    assert len(gains) == ENOUGH_PAIRS
    paired = difference(first, second, by_seed=True)
    assert paired.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert difference(first, second).p_value > 0.5
    del first[4]
    assert difference(first, second, by_seed=True) == difference(first, second)


def test_results_that_differ_by_rounding_are_equal():
    values = {0: HARD - 100}
    noise = {0: values[0] * (1 + 1e-12)}
    found = difference(values, noise)
    assert (found.p_value, found.stderr, found.value) == (1.0, 0.0, 0.0)
    assert found.interval == (0.0, 0.0)
    assert difference(values, values).interval == (0.0, 0.0)


def test_numbers_that_are_no_means_are_compared_over_seeds_or_not_at_all():
    first, second = {s: np.array([float(s)]) for s in range(4)}, {0: np.array([7.0])}
    other = {s: np.array([5.0 + s * s]) for s in range(4)}
    expected = stats.ttest_ind([0, 1, 2, 3], [5, 6, 9, 14], equal_var=False)
    assert difference(first, other).p_value == pytest.approx(expected.pvalue)
    with pytest.raises(ValueError, match="one datum and one seed"):
        difference(second, second)


def test_a_constant_shift_is_certain():
    assert difference({0: HARD + 1.0}, {0: HARD}).p_value == 0.0


def test_swapping_the_sides_flips_the_sign_and_nothing_else():
    draws = numpy_generator(2, "swap")
    first, second = model(draws, 3, 0.3), model(draws, 4, 0.1)
    one, other = difference(first, second), difference(second, first)
    assert one.value == -other.value
    assert one.p_value == other.p_value
    assert one.interval == pytest.approx(tuple(-v for v in reversed(other.interval)))


SPREADS = [0.03, 0.1, 0.3]
"""Of seeds; the standard error over images is 0.1."""


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", SPREADS)
def test_interval_covers_at_least_as_often_as_it_says(n_seeds, seed_sd):
    draws, trials = numpy_generator(3, "coverage", n_seeds, str(seed_sd)), 600
    found = [
        difference(model(draws, n_seeds, seed_sd), model(draws, n_seeds, seed_sd))
        for _ in range(trials)
    ]
    covered = sum(low <= 0 <= high for low, high in (d.interval for d in found)) / trials
    assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / trials)
    assert all((d.p_value >= 0.05) == (d.interval[0] <= 0 <= d.interval[1]) for d in found)


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sd", SPREADS)
def test_a_table_of_equal_models_rarely_has_a_winner(n_seeds, seed_sd):
    draws, tables = numpy_generator(6, "family", n_seeds, str(seed_sd)), 150
    false = 0
    for _ in range(tables):
        models = [model(draws, n_seeds, seed_sd) for _ in range(7)]
        pairs = itertools.combinations(models, 2)
        false += min(holm([difference(a, b).p_value for a, b in pairs])) < 0.05
    assert false / tables <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / tables)


@pytest.mark.parametrize("sizes", [(2, 5), (2, 10), (3, 5), (3, 10)])
def test_sides_of_unequal_numbers_of_seeds_rarely_differ_by_chance(sizes):
    draws, trials = numpy_generator(9, "unequal", *sizes), 2000
    found = []
    for _ in range(trials):
        one, other = ({s: draws.normal(size=1) for s in range(n)} for n in sizes)
        found.append(difference(one, other).p_value)
    assert np.mean(np.array(found) < 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_five_seeds_decide_a_difference_that_is_large_beside_their_spread():
    draws, trials = numpy_generator(7, "power"), 200
    found = [
        difference(model(draws, 5, 0.1, mean=1.0), model(draws, 5, 0.1)) for _ in range(trials)
    ]
    assert sum(d.p_value < 0.05 / 21 for d in found) / trials > 0.95


def test_degrees_of_freedom_are_never_more_than_those_of_the_seeds():
    draws = numpy_generator(8, "limit")
    first, second = model(draws, 3, 1e-3), model(draws, 3, 1e-3)  # next to the images: nothing
    assert difference(first, second).dof == 2 + 2
    assert difference(first, model(draws, 4, 1e-3)).dof == 2  # those of the smaller side
    exact = {seed: HARD for seed in range(3)}  # a fit in closed form: its seeds agree
    assert difference(first, exact).dof == 2
    other = {seed: HARD[::-1] for seed in range(3)}
    assert difference(exact, other).dof == pytest.approx(len(HARD) - 1)  # those of the images


def test_seed_spread_is_over_the_seeds_that_both_have():
    first = {0: HARD + 1, 1: HARD + 2, 2: HARD + 9}
    assert seed_spread(first, {0: HARD, 1: HARD}) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(seed_spread(first, {0: HARD}))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 11])
def test_interquartile_mean_is_the_mean_trimmed_by_a_quarter(n):
    values = numpy_generator(4, "iqm", n).normal(size=(3, n))
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25, axis=1))
    if n < 4:
        assert interquartile_mean(values) == pytest.approx(values.mean(axis=1))


def test_probability_of_improvement_is_the_mann_whitney_share():
    draws = numpy_generator(5, "share")
    first, second = draws.integers(0, 6, 7).astype(float), draws.integers(0, 6, 9).astype(float)
    expected = stats.mannwhitneyu(first, second).statistic / (7 * 9)
    assert probability_of_improvement(first, second) == pytest.approx(expected)
    assert probability_of_improvement(first, first) == 0.5


def test_percentile_interval_leaves_out_a_fortieth_at_each_end():
    assert percentile_interval(np.arange(1001.0)) == (25.0, 975.0)


def test_statistics_need_no_torch():
    modules = "genbench.core.statistics, genbench.core.addressed"
    code = f"import {modules}, sys; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
