"""Values, divergences and regions of the one-dimensional game, against answers known by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from genbench.core.seeding import Stream, seeded
from genbench.studies import Setting, studies
from genbench.studies.optimal_discriminator import (
    DATA,
    GRID,
    STEP,
    Density,
    DiscriminatorOptions,
    Game,
    jensen_shannon,
    value_of,
    where_data_are,
)


def test_a_mixture_has_the_density_and_the_draws_of_its_components():
    p = Density((0.25, -1.0, 0.5), (0.75, 2.0, 1.0))
    x = np.array([-1.3, 0.0, 2.5])
    expected = 0.25 * norm.pdf(x, -1, 0.5) + 0.75 * norm.pdf(x, 2, 1)
    assert np.exp(p.log(x)) == pytest.approx(expected, rel=1e-13)
    with seeded(0, "x"):
        drawn = p.sampler(torch.device("cpu"))(5000).squeeze(1).numpy()

    def distribution(x):
        return 0.25 * norm.cdf(x, -1, 0.5) + 0.75 * norm.cdf(x, 2, 1)

    assert kstest(drawn, distribution).pvalue > 1e-4


def test_the_divergence_is_zero_at_equality_and_log_two_where_nothing_is_shared():
    assert jensen_shannon(DATA, DATA) == pytest.approx(0.0, abs=1e-12)
    left, right = Density((1.0, -5.0, 0.3)), Density((1.0, 5.0, 0.3))
    assert jensen_shannon(left, right) == pytest.approx(math.log(2), rel=1e-9)


def test_an_undecided_discriminator_is_worth_minus_log_four_against_any_generator():
    generator = Density((1.0, 0.4, 1.5))
    assert value_of(np.zeros(len(GRID)), generator) == pytest.approx(-math.log(4), rel=1e-9)


def test_no_change_of_the_optimal_discriminator_raises_its_value():
    generator = Density((1.0, 0.4, 1.5))
    best = DATA.log(GRID) - generator.log(GRID)
    most = value_of(best, generator)
    assert most == pytest.approx(2 * jensen_shannon(DATA, generator) - math.log(4), abs=1e-9)
    changes = np.random.default_rng(0).normal(size=(20, 4)) @ [
        np.ones_like(GRID), GRID, np.sin(GRID), np.cos(2 * GRID)
    ]  # fmt: skip
    assert all(value_of(best + change, generator) < most for change in changes)


def test_the_region_holds_the_stated_mass_and_no_denser_point_lies_outside():
    inside, p = where_data_are(), np.exp(DATA.log(GRID))
    assert p[inside].sum() * STEP == pytest.approx(0.99, abs=1e-3)
    assert p[inside].min() > p[~inside].max()


def test_the_logits_of_an_array_are_the_critics():
    game = Game(DATA, (8,), torch.device("cpu"))
    x = torch.linspace(-2, 2, 5)
    expected = game.critic(x.unsqueeze(1)).detach().double().numpy()
    assert game.logits(x.numpy()) == pytest.approx(expected)


def test_a_discriminator_that_was_not_trained_fails_the_checks():
    options = DiscriminatorOptions(hidden=(8,), n_steps=1, batch_size=10)
    found = studies["optimal_discriminator"].function(options, Setting(Stream(0)))
    failed = [check.name for check in found.checks if not check.passed]
    assert any("largest |D - D*|" in name for name in failed)


def test_a_short_training_comes_close_on_both_problems():
    options = DiscriminatorOptions(hidden=(32, 32), n_steps=500, batch_size=300, learning_rate=1e-2)
    found = studies["optimal_discriminator"].function(options, Setting(Stream(0)))
    values = found.tables["values"]
    assert (values["mean_error"] < 0.02).all()
    assert (values["value"] <= values["limit"] + 1e-8).all()
    assert values["value"].to_numpy() == pytest.approx(values["limit"].to_numpy(), abs=0.02)
    for plot in found.plots:
        plot.require(found.tables[plot.table].columns)
