"""The anytime-valid test: its evidence by hand, its errors under peeking, and its power."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from genbench.core.addressed import numpy_generator
from genbench.core.sequential import anytime_difference, anytime_p_value, e_process
from genbench.core.statistics import ALPHA, difference

N_TABLES, N_MODELS, N_LOOKS = 10_000, 4, 20
PAIRS = list(itertools.combinations(range(N_MODELS), 2))


def tables(*, apart=0.0, n=N_TABLES):
    """Headline numbers (tables, models, seeds) in seed standard deviations; the first is ahead."""
    draws = numpy_generator(0, "tables").normal(size=(n, N_MODELS, N_LOOKS))
    draws[:, 0] += apart
    return draws


def of_pairs(values):
    """Differences between equal seeds (tables, pairs, seeds)."""
    return np.stack([values[:, i] - values[:, j] for i, j in PAIRS], axis=1)


@pytest.mark.parametrize("g", [0.5, 9.0])
def test_evidence_is_the_ratio_of_the_densities_of_t_with_the_effect_drawn_and_without(g):
    values = numpy_generator(1, "t").normal(0.7, 1.0, 6)
    t = stats.ttest_1samp(values, 0.0).statistic

    def drawn(delta):
        return stats.nct.pdf(t, 5, math.sqrt(6) * delta) * stats.norm.pdf(delta, 0, math.sqrt(g))

    mixed, _ = integrate.quad(drawn, -15, 15, limit=200)
    assert e_process(values, g)[-1] == pytest.approx(mixed / stats.t.pdf(t, 5), rel=1e-6)


def test_evidence_of_one_seed_is_none_and_of_equal_values_is_finite():
    assert e_process(np.array([3.0])).tolist() == [1.0]
    assert e_process(np.zeros(4)) == pytest.approx((1 + 9.0 * np.arange(1, 5)) ** -0.5)
    assert np.isfinite(e_process(np.full(4, 2.0))).all()
    assert anytime_p_value(np.array([])) == 1.0


def test_evidence_knows_no_unit_and_keeps_what_it_once_had():
    values = numpy_generator(2, "unit").normal(3.0, 1.0, 9)
    assert e_process(1e6 * values) == pytest.approx(e_process(values))
    longer = np.append(values, -values)
    assert anytime_p_value(longer) == anytime_p_value(values) < 0.01


def test_of_equal_models_hardly_any_table_ever_has_a_decided_pair():
    ever = anytime_p_value(of_pairs(tables())).min(axis=1) * len(PAIRS) < ALPHA
    assert ever.mean() <= ALPHA


def test_peeking_with_the_t_test_finds_a_difference_in_a_quarter_of_them():
    differences, ever = of_pairs(tables()), np.zeros(N_TABLES, dtype=bool)
    for n in range(3, N_LOOKS + 1):
        seen = differences[..., :n]
        t = abs(seen.mean(axis=-1)) * math.sqrt(n) / seen.std(axis=-1, ddof=1)
        ever |= 2 * stats.t.sf(t.max(axis=1), n - 1) * len(PAIRS) < ALPHA
    assert 0.23 < ever.mean() < 0.29


def test_a_model_three_standard_deviations_ahead_is_decided_within_ten_seeds():
    seen = of_pairs(tables(apart=3.0, n=2000))[..., :10]
    of_first = [place for place, (i, _) in enumerate(PAIRS) if i == 0]
    decided = anytime_p_value(seen[:, of_first]) * len(PAIRS) < ALPHA
    assert (decided.mean(axis=0) > 0.8).all()


def model(draws, n_seeds, mean=0.0, n=100):
    """Values of each seed over the same images, whose own noise is small beside the seeds'."""
    return {s: mean + draws.normal() + 0.1 * draws.normal(size=n) for s in range(n_seeds)}


def test_a_difference_must_hold_for_new_seeds_and_for_new_images():
    draws = numpy_generator(3, "both")
    hard = 50 * draws.normal(size=100)
    seeds = np.array([4.9, 5.0, 5.1, 5.05, 4.95, 5.0])
    first = {s: hard + up for s, up in enumerate(seeds)}
    second = {s: hard + 0.0 for s in range(6)}
    assert anytime_difference(first, second).p_value < 0.001
    elsewhere = {s: hard[::-1] + 0.0 for s in range(6)}  # other images are hard for it
    by_images = difference(first, elsewhere).p_value
    assert anytime_difference(first, elsewhere).p_value == by_images > 0.05
    for n_seeds in (2, 3, 4):
        one, other = model(draws, n_seeds, 3.0), model(draws, n_seeds)
        gaps = np.array([one[s].mean() - other[s].mean() for s in range(n_seeds)])
        both = (float(anytime_p_value(gaps)), difference(one, other).p_value)
        assert anytime_difference(one, other).p_value == pytest.approx(max(both))


def test_a_fit_without_randomness_stands_against_every_seed():
    draws = numpy_generator(4, "fit")
    trained, fitted = model(draws, 6), {0: 4.0 + 0.1 * draws.normal(size=100)}
    repeated = {s: fitted[0] for s in range(6)}
    found = anytime_difference(trained, fitted).p_value
    assert found == pytest.approx(anytime_difference(trained, repeated).p_value)
    both = anytime_difference(fitted, {0: fitted[0] + 0.01 * draws.normal(size=100) + 0.1})
    assert both.p_value < 1e-6  # images alone decide where nothing depends on the seed
