"""Gradient draws against plain gradients, and exact moments against brute force."""

import math

import numpy as np
import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.objectives.elbo import NegativeElbo
from genbench.studies import Findings, Setting, studies
from genbench.studies.gradient_draws import gradient_draws
from genbench.studies.gradient_exact import (
    LOC,
    NOISE,
    SCALE,
    OneDimension,
    W,
    X,
    exact_moments,
)
from genbench.studies.gradient_variance import GradientOptions

SMALL = GradientOptions(
    epochs=(0, 1), n_draws=100, n_data=16, n_exact=500, n_epochs=3, hidden=(8,), latent_dim=2
)


@pytest.fixture(scope="module")
def findings() -> Findings:
    return studies["gradient_variance"].function(SMALL, Setting(Stream(0)))


def test_every_check_passes_and_every_figure_has_its_columns(findings):
    assert [check.name for check in findings.checks if not check.passed] == []
    assert len(findings.checks) == 6
    for plot in findings.plots:
        plot.require(findings.tables[plot.table].columns)


def test_every_moment_part_and_estimator_is_measured(findings):
    table = findings.tables["digits"]
    assert len(table) == 2 * 3 * 3
    assert (table["variance"] > 0).all()
    same = table[table["estimator"] == "reparameterised"]
    assert (same["off"] == 0).all()
    assert table["signal_to_noise"].to_numpy() == pytest.approx(
        table["signal"] / table["variance"] ** 0.5
    )


def test_every_estimator_learns_from_the_same_start(findings):
    by_epoch = findings.tables["learning"].pivot(index="epoch", columns="estimator", values="elbo")
    assert by_epoch.index.tolist() == [1, 2, 3]
    assert (by_epoch.loc[3] > by_epoch.loc[1]).all()
    assert by_epoch.loc[3].nunique() == 3


@pytest.mark.parametrize("gradient", ["reparameterised", "score_function_baseline"])
def test_a_draw_is_the_plain_gradient_under_its_own_noise(gradient):
    model, objective = OneDimension(), NegativeElbo(gradient=gradient)
    batch = Batch(torch.full((4, 1), X, dtype=torch.float64), torch.zeros(4))
    found = gradient_draws(model, objective, batch, 3, Stream(5))
    for i in range(3):
        with Stream(5).child(i).seeded():
            slopes = torch.autograd.grad(objective(model, batch).value, list(model.parameters()))
        expected = dict(zip(("loc", "log_scale"), slopes, strict=True))
        for name, slope in expected.items():
            assert found[name][i].numpy() == pytest.approx(slope.numpy(), rel=1e-12)


def test_the_mean_is_the_derivative_of_the_elbo_in_closed_form():
    """ELBO = -(X - W m)^2 / 2 s_x^2 - W^2 s^2 / 2 s_x^2 - (m^2 + s^2) / 2 + log s + constant."""
    by_loc = -(W * (X - W * LOC) / NOISE**2 - LOC)
    by_log_scale = (W**2 / NOISE**2 + 1) * SCALE**2 - 1
    table = exact_moments()
    for name, expected in (("loc", by_loc), ("log_scale", by_log_scale)):
        found = table[table["parameter"] == name]["mean_exact"].to_numpy()
        assert found == pytest.approx(np.full(3, expected), rel=1e-12)


def test_the_variances_are_those_of_many_draws_by_hand():
    """Drawn with numpy, the estimators written out: no code of genbench's objective."""
    n_data, n = 3, 200_000
    e = np.random.default_rng(0).normal(size=(n, n_data))
    z = LOC + SCALE * e
    f = -0.5 * ((X - W * z) / NOISE) ** 2 - math.log(NOISE) - 0.5 * math.log(2 * math.pi)
    f += -0.5 * z**2 + 0.5 * e**2 + math.log(SCALE)
    others = (f.sum(axis=1, keepdims=True) - f) / (n_data - 1)
    slope = (X - W * z) * W / NOISE**2
    table = exact_moments(n_data).set_index(["parameter", "estimator"])
    for name, score, path in (
        ("loc", e / SCALE, slope - LOC),
        ("log_scale", e**2 - 1, slope * SCALE * e - (SCALE**2 - 1)),
    ):
        drawn = {
            "score function": f * score,
            "score function, baseline": (f - others) * score,
            "reparameterised": path,
        }
        for estimator, values in drawn.items():
            gradient = -values.mean(axis=1)
            squares = (gradient - gradient.mean()) ** 2
            exact = table.loc[(name, estimator)]
            assert abs(gradient.mean() - exact["mean_exact"]) < 4 * gradient.std() / n**0.5
            assert abs(squares.mean() - exact["variance_exact"]) < 4 * squares.std() / n**0.5
