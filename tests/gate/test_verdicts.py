"""Verdicts on numbers whose difference and noise are known."""

import math

import numpy as np
import pytest

from genbench.gate.entries import absent
from genbench.gate.verdicts import verdicts_of
from tests.gate.tables import entries_of, entry, frame_of, table, without_number

FIVE = (-23.65, -23.60, -23.62, -23.55, -23.58)


def shifted(values, by):
    return tuple(value + by for value in values)


def verdict(then, now, **lookups):
    (found,) = verdicts_of([then], [now], **lookups)
    return found


def test_equal_bits_are_the_same():
    found = verdict(entry(FIVE), entry(FIVE))
    assert (found.word, found.test, found.difference) == ("same", "identical", 0.0)
    assert found.detectable > 0.5  # of what it could have seen, had there been something


def test_a_loss_beyond_margin_and_noise_is_worse():
    found = verdict(entry(FIVE), entry(shifted(FIVE, -1.0)))
    assert found.word == "worse"
    assert found.difference == pytest.approx(-1.0)
    assert found.p_value < 0.01
    assert found.detectable < 1.0


def test_a_gain_beyond_margin_and_noise_is_pointed_out():
    found = verdict(entry(FIVE), entry(shifted(FIVE, 1.0)))
    assert found.word == "better"
    assert "leak" in found.note


@pytest.mark.parametrize(("by", "word"), [(0.1, "worse"), (-0.1, "better")])
def test_lower_is_better_where_the_metric_says_so(by, word):
    values = (0.531, 0.532, 0.533, 0.531, 0.532)
    then, now = (entry(v, metric="bits_per_dim") for v in (values, shifted(values, by)))
    assert verdict(then, now).word == word


def test_a_significant_loss_within_the_margin_is_not_worse():
    then, now = entry(FIVE), entry(shifted(FIVE, -0.45))
    found = verdict(then, now)
    assert found.p_value < 0.01
    assert found.word == "inconclusive"
    assert verdict(then, entry(shifted(FIVE, -0.1))).word == "same"


def test_noise_is_inconclusive():
    then = entry((-23.0, -20.0, -26.0))
    found = verdict(then, entry((-22.0, -27.0, -25.0)))
    assert found.word == "inconclusive"
    assert "spread" in found.note
    assert found.detectable > 5.0


@pytest.mark.parametrize("by", [-5.0, 5.0])
def test_a_metric_without_a_direction_is_never_worse(by):
    values = (3.8, 3.9, 3.85, 3.82, 3.88)
    then, now = (entry(v, metric="kl") for v in (values, shifted(values, by)))
    found = verdict(then, now)
    assert found.word == "inconclusive"
    assert "neither direction is better" in found.note
    assert found.detectable is None


def test_training_that_became_unstable_is_worse():
    """Its own spread would hide the loss; that of the baseline does not."""
    found = verdict(entry(FIVE), entry((-23.6, -80.0, -23.6, -200.0, -24.0)))
    assert found.word == "worse"


def test_one_seed_is_judged_by_what_its_margin_stands_for():
    assert verdict(entry((-23.6,)), entry((-28.0,))).word == "worse"
    assert verdict(entry((-23.6,)), entry((-24.2,))).word == "inconclusive"


def test_one_seed_of_a_metric_of_samples_is_judged_with_its_own_error_too():
    def word(**changed):
        then = entry((-23.6,), margin=0.1, stderr=2.0)
        return verdict(then, entry((-25.6,), **{"stderr": 2.0} | changed))

    blind, seeing = word(), word(own_error=True)
    assert seeing.halfwidth > 1.96 * math.hypot(2.0, 2.0) > blind.halfwidth
    assert (blind.word, seeing.word) == ("worse", "inconclusive")
    assert word(own_error=True, stderr=None).halfwidth == blind.halfwidth


def test_one_seed_without_a_margin_is_inconclusive():
    then, now = entry((0.8,), metric="accuracy"), entry((0.1,), metric="accuracy")
    found = verdict(then, now)
    assert (found.word, found.test, found.detectable) == ("inconclusive", "none", None)
    assert "noise is unknown" in found.note


def test_without_a_margin_the_seeds_alone_decide():
    then = entry((0.81, 0.82, 0.83, 0.82), metric="accuracy")
    assert then.margin is None
    worse = entry((0.71, 0.72, 0.73, 0.72), metric="accuracy")
    assert verdict(then, worse).word == "worse"
    assert verdict(then, entry((0.82, 0.81, 0.82, 0.84), metric="accuracy")).word == "inconclusive"


def test_rounding_is_the_same_even_without_spread_and_margin():
    then = entry((0.75, 0.75), metric="accuracy")
    assert verdict(then, entry((0.75 * (1 - 1e-8),) * 2, metric="accuracy")).word == "same"
    assert verdict(then, entry((0.75 * (1 - 1e-4),) * 2, metric="accuracy")).word == "worse"


def test_a_diverged_run_is_worse_and_says_why():
    good = table({("vae", "elbo"): [-23.6, -23.5]})
    lost = without_number("vae", "elbo", 1, "diverged", "loss not finite at step 120")
    bad = frame_of([*good[:1].to_dict("records"), lost])
    (found,) = verdicts_of(entries_of(good), entries_of(bad), absent(bad))
    assert (found.word, found.now) == ("worse", None)
    assert "seed 1 diverged: loss not finite at step 120" in found.note


def matrix(mean, seed, n=400, seeds=5, spread=0.03):
    hard = np.random.default_rng(0).normal(0.0, 5.0, n)
    own = np.random.default_rng(seed).normal(0.0, spread, (seeds, 1))
    noise = np.random.default_rng(seed + 1).normal(0.0, 0.2, (seeds, n))
    return hard - hard.mean() + mean + own + noise


def paired(then, now):
    sides = [entry(tuple(values.mean(axis=1)), n=values.shape[1]) for values in (then, now)]
    return verdict(*sides, values_then=lambda _: then, values_now=lambda _: now)


def test_per_datum_values_of_both_sides_are_paired():
    found = paired(matrix(-23.6, 10), matrix(-24.6, 20))
    assert (found.test, found.word) == ("paired", "worse")
    assert found.halfwidth < 0.3  # unpaired, the data alone would give 0.69


def test_per_datum_values_of_one_side_are_not():
    then = matrix(-23.6, 10)
    sides = [entry(tuple(v.mean(axis=1)), n=400) for v in (then, matrix(-24.6, 20))]
    found = verdict(*sides, values_then=lambda _: then, values_now=lambda _: None)
    assert found.test == "welch"


def test_few_equal_seeds_are_no_pairs_and_five_are():
    """Each seed is off by as much on both sides: only pairs by seed see how little changed."""
    few, five = (
        paired(matrix(-23.6, 10, seeds=n, spread=0.4), matrix(-23.7, 10, seeds=n, spread=0.4))
        for n in (4, 5)
    )
    assert five.halfwidth < 0.4 * few.halfwidth


def test_few_test_data_widen_the_paired_interval():
    wide, narrow = (paired(matrix(-23.6, 10, n), matrix(-24.0, 20, n)) for n in (4, 400))
    assert wide.halfwidth > narrow.halfwidth


ONE = entry(FIVE)


def alike(i, values):
    """As ``entry``, quickly."""
    changes = {"model": f"m{i}", "values": values, "mean": sum(values) / len(values)}
    return ONE.model_copy(update=changes | {"seeds": tuple(range(len(values)))})


def null_tables(rng, scale, n_seeds=3, n_models=20, loss=0.0):
    """Two tables of independent models whose seeds spread by ``scale``; the first one loses."""

    def side(lost):
        values = rng.normal(-23.6, scale, (n_models, n_seeds))
        values[0] -= lost
        return [alike(i, tuple(v)) for i, v in enumerate(values.tolist())]

    return side(0.0), side(loss)


@pytest.mark.parametrize("n_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [0.125, 0.25])
def test_false_alarms_are_rare_up_to_a_spread_of_half_the_margin(scale, n_seeds):
    rng, alarms, trials = np.random.default_rng(1), 0, 500
    for _ in range(trials):
        alarms += any(v.word == "worse" for v in verdicts_of(*null_tables(rng, scale, n_seeds)))
    assert alarms <= 0.01 * trials


def test_wild_seeds_are_not_alarms():
    """Where the margin is far too narrow the seeds speak for themselves."""
    rng, alarms, trials = np.random.default_rng(2), 0, 300
    for _ in range(trials):
        alarms += any(v.word == "worse" for v in verdicts_of(*null_tables(rng, 5.0, n_seeds=5)))
    assert alarms <= 0.01 * trials + 4 * math.sqrt(0.01 * 0.99 * trials)


def test_a_lost_nat_is_found():
    rng, found, trials = np.random.default_rng(3), 0, 60
    for _ in range(trials):
        found += verdicts_of(*null_tables(rng, 0.1, n_seeds=5, loss=1.0))[0].word == "worse"
    assert found >= 0.95 * trials
