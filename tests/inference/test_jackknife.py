"""The jackknife's error of a bound and its extrapolation, on log-normal weights."""

import math

import pytest
import torch

from genbench.core.estimate import NotApplicableError
from genbench.core.statistics import NORMAL_REACH
from genbench.evaluation.collection import mean_error
from genbench.evaluation.extrapolation import Extrapolated
from genbench.inference.jackknife import N_GROUPS, group_sizes, jackknife_variance
from genbench.inference.weights import ImportanceWeights
from tests.draws import randn


def weights_of(scale, k, n_values, seed=0):
    return ImportanceWeights.of(scale * randn(k, n_values, seed=seed))


def left_out_means(rows):
    """The mean of rows without each of the groups that they are in, (G, B)."""
    group = torch.arange(len(rows)) % N_GROUPS
    return torch.stack([rows[group != g].mean(dim=0) for g in range(min(len(rows), N_GROUPS))])


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 33, 100])
def test_group_sizes_are_those_of_interleaved_rows(n):
    assert group_sizes(n).tolist() == [len(range(g, n, 16)) for g in range(min(n, 16))]


@pytest.mark.parametrize("k", [3, 16, 50])
def test_the_jackknife_of_a_mean_is_its_variance_in_expectation(k):
    rows = randn(k, 20_000)
    found = jackknife_variance(left_out_means(rows)).mean().item()
    assert found == pytest.approx(1 / k, rel=0.02 if k % 16 == 0 or k < 16 else 0.1)


@pytest.mark.parametrize(
    ("k", "n", "repetitions"), [(3, 50, 2000), (20, 50, 1000), (100, 500, 150)]
)
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 4.0])
def test_the_monte_carlo_error_covers_the_expected_bound(scale, k, n, repetitions):
    """Log weights with this standard deviation; at 4 one weight of a hundred carries nearly all."""
    weights = weights_of(scale, k, n * repetitions)
    value = weights.log_mean().reshape(repetitions, n).mean(dim=1)
    variances = weights.variance().reshape(repetitions, n)
    stated = torch.tensor([mean_error(each).stderr for each in variances], dtype=torch.float64)
    share = ((value - value.mean()).abs() <= NORMAL_REACH * stated).double().mean().item()
    noise = math.sqrt(0.05 * 0.95 / repetitions)
    assert 0.93 - 2 * noise <= share <= 0.97 + 2 * noise
    assert stated.square().mean().sqrt() / value.std() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(
    ("scale", "k", "answered"),
    [(0.5, 100, True), (1.0, 400, True), (1.0, 20, False), (2.0, 100, False), (4.0, 400, False)],
)
@pytest.mark.parametrize("n", [50])
def test_the_extrapolation_covers_log_px_or_is_refused(scale, k, n, answered):
    repetitions = 15_000 // (n * max(1, k // 100))
    weights = weights_of(scale, k, n * repetitions)
    k_hat = torch.full_like(weights.log_mean(), torch.nan) if k < 25 else weights.k_hat
    columns = weights.extrapolated(), weights.extrapolated_from_halves(), weights.variance(), k_hat
    covered = []
    for parts in zip(*(column.split(n) for column in columns), strict=True):
        extrapolated = Extrapolated(*parts)
        try:
            extrapolated.require_order()
        except NotApplicableError:
            continue
        off = abs(extrapolated.estimate.mean().item() - scale**2 / 2)
        covered.append(off <= NORMAL_REACH * mean_error(extrapolated.variance).stderr)
    assert len(covered) >= 0.9 * repetitions if answered else len(covered) == 0
    if answered:
        noise = math.sqrt(0.05 * 0.95 / len(covered))
        assert 0.93 - 2 * noise <= sum(covered) / len(covered) <= 0.97 + 2 * noise
