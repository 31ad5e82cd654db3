"""Measured error rates, where they are known beforehand."""

import numpy as np
import pytest
from scipy.special import betaincinv

from genbench.core.errors import ConfigError
from genbench.gate import update
from genbench.gate.calibration import Rate, calibrate, measure
from tests.gate.tables import entry, table, write_results

SEEDS, N = 8, 60


def pool(spread, seed=0):
    """One ELBO of eight seeds, and its per-datum values."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(-23.6, 5.0, N)
    matrix = hard + rng.normal(0.0, spread, (SEEDS, 1)) + rng.normal(0.0, 0.1, (SEEDS, N))
    return entry(tuple(matrix.mean(axis=1)), n=N), matrix


def rates(spread, loss, n_seeds=4, trials=40):
    number, matrix = pool(spread)
    found = calibrate([number], lambda _: matrix, "elbo", n_seeds=n_seeds, trials=trials, loss=loss)
    return {(rate.test, rate.what): rate.share for rate in found}


def test_quiet_seeds_give_no_alarm_and_a_large_loss_is_always_found():
    found = rates(spread=0.02, loss=3.0)
    assert found == {
        ("welch", "false worse"): 0.0, ("welch", "false better"): 0.0, ("welch", "loss found"): 1.0,
        ("paired", "false worse"): 0.0, ("paired", "false better"): 0.0,
        ("paired", "loss found"): 1.0,
    }  # fmt: skip


def test_a_loss_within_the_margin_is_not_found():
    found = rates(spread=0.02, loss=0.1)
    assert found["welch", "loss found"] == found["paired", "loss found"] == 0.0


def test_a_loss_far_below_the_noise_is_not_found():
    assert rates(spread=30.0, loss=1.0)["welch", "loss found"] < 0.1


def test_the_same_pool_gives_the_same_rates():
    assert rates(spread=0.3, loss=0.8) == rates(spread=0.3, loss=0.8)


def test_too_few_seeds_are_refused():
    with pytest.raises(ConfigError, match="need 10 seeds of each model, but the results have 8"):
        rates(spread=0.1, loss=1.0, n_seeds=5)


def test_margins_come_from_the_baseline(tmp_path):
    numbers = {("vae", "elbo"): list(np.random.default_rng(0).normal(-23.6, 0.05, 4))}
    results = write_results(tmp_path / "results", table(numbers))
    update(tmp_path / "b.json", results, "tiny", margins={"elbo": 7.0})
    found = measure(tmp_path / "b.json", results, n_seeds=2, trials=3)
    assert {rate.what for rate in found} == {"false worse", "false better"}  # no values per datum
    with pytest.raises(ConfigError, match="positive"):
        measure(tmp_path / "b.json", results, n_seeds=2, trials=0)


def test_rates_have_binomial_errors_and_exact_intervals():
    rate = Rate("welch", "false worse", 10, 1000)
    assert rate.stderr == pytest.approx((0.01 * 0.99 / 1000) ** 0.5)
    exact = betaincinv(10, 991, 0.025), betaincinv(11, 990, 0.975)
    assert rate.interval == pytest.approx(exact, rel=1e-9)
    assert Rate("welch", "false worse", 5, 5).interval[1] == 1.0
    assert rate.row()["rate"] == 0.01
