"""Shares of classes: a network's known confusion taken out, multinomial errors."""

import math

import pytest
import torch

from genbench.core.estimate import NotApplicableError
from genbench.samples.classes import Shares, class_coverage, class_shares, total_variation
from tests.samples.drawn import assert_mean_is

CONFUSION = torch.tensor(
    [[0.90, 0.10, 0.00], [0.05, 0.85, 0.10], [0.00, 0.20, 0.80]], dtype=torch.float64
)
PERFECT = torch.eye(10, dtype=torch.float64)
SHARES = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
RESAMPLES = 200


def drawn_classes(n, seed):
    """Classes that a network with the confusion predicts for samples with the shares."""
    draws = torch.Generator().manual_seed(seed)
    return torch.multinomial(SHARES @ CONFUSION, n, replacement=True, generator=draws)


@pytest.fixture(scope="module")
def resamples():
    return [class_shares(drawn_classes(500, i), CONFUSION) for i in range(RESAMPLES)]


def test_a_perfect_network_gives_shares_with_multinomial_errors():
    found = class_shares(torch.tensor([0] * 6 + [2] * 3 + [9]), PERFECT)
    p = torch.tensor([0.6, 0, 0.3, 0, 0, 0, 0, 0, 0, 0.1], dtype=torch.float64)
    assert torch.allclose(found.values, p, rtol=1e-14)
    assert torch.allclose(found.stderrs, (p * (1 - p) / 10).sqrt(), rtol=1e-14)


def test_the_known_confusion_is_taken_out_exactly():
    seen = SHARES @ CONFUSION  # .465, .345, .19
    counts = (1000 * seen).round().long()
    predicted = torch.arange(3).repeat_interleave(counts)
    found = class_shares(predicted, CONFUSION)
    assert torch.allclose(found.values, SHARES, atol=1e-12)
    assert float(found.values.sum()) == pytest.approx(1, abs=1e-12)
    assert not torch.allclose(class_shares(predicted, torch.eye(3)).values, SHARES, atol=0.03)


def test_intervals_of_every_share_cover_it(resamples):
    errors = torch.stack([(s.values - SHARES) / s.stderrs for s in resamples])
    assert ((errors.abs() <= 1.96).double().mean(dim=0) >= 0.91).all()  # 4 errors of one share
    assert float((errors.abs() <= 1.96).double().mean()) >= 0.93


def test_the_correction_costs_precision():
    predicted = drawn_classes(500, 0)
    corrected, plain = (class_shares(predicted, c) for c in (CONFUSION, torch.eye(3)))
    assert (corrected.stderrs > plain.stderrs).all()


@pytest.mark.parametrize("n_classes", [1, 5, 10])
def test_a_subset_of_the_classes_is_counted_and_its_distance_is_what_is_missing(n_classes):
    found = class_shares(torch.arange(n_classes).repeat(1000 // n_classes), PERFECT)
    uniform = torch.full((10,), 0.1, dtype=torch.float64)
    assert class_coverage(found).value == n_classes
    assert total_variation(found, uniform).value == pytest.approx(1 - n_classes / 10)


@pytest.mark.parametrize("seed", range(20))
def test_the_distance_is_at_most_1_however_badly_the_network_tells_the_classes_apart(seed):
    blurred = torch.full((3, 3), 0.3) + 0.1 * torch.eye(3)  # the inverse has entries of 7 and -3
    drawn = torch.randint(3, (10,), generator=torch.Generator().manual_seed(seed))
    shares = class_shares(drawn, blurred)
    assert shares.values.min() < 0
    thirds = torch.full((3,), 1 / 3, dtype=torch.float64)
    assert 0 <= total_variation(shares, thirds).value <= 2 / 3 + 1e-12


def test_one_in_a_hundred_is_covered_and_fewer_are_not():
    counts = torch.tensor([969, 10, 9, 12])
    found = class_coverage(class_shares(torch.arange(4).repeat_interleave(counts), torch.eye(4)))
    assert found.value == 3
    assert 0.5 < found.stderr < math.sqrt(3 / 4)  # three classes near the limit
    clear = class_coverage(class_shares(torch.arange(4).repeat(250), torch.eye(4)))
    assert (clear.value, clear.n) == (4, 1000)
    assert clear.stderr < 1e-9


def test_intervals_of_the_total_variation_cover_it(resamples):
    data = torch.tensor([0.3, 0.4, 0.3], dtype=torch.float64)
    found = [total_variation(s, data) for s in resamples]
    covered = [abs(e.value - 0.2) <= 1.96 * e.stderr for e in found]
    assert sum(covered) / RESAMPLES >= 0.93


def test_equal_shares_have_the_total_variation_of_their_noise(resamples):
    n = 500
    seen = SHARES @ CONFUSION
    inverse = torch.linalg.inv(CONFUSION)
    covariance = inverse.T @ (seen.diag() - seen.outer(seen)) @ inverse / n
    expected = float(covariance.diagonal().sqrt().sum()) / math.sqrt(2 * math.pi)
    assert_mean_is([total_variation(s, SHARES).value for s in resamples], expected)


def test_a_network_that_confuses_two_classes_entirely_is_refused():
    alike = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    nearly = torch.tensor([[0.52, 0.48], [0.48, 0.52]])
    for confusion in (alike, nearly):
        with pytest.raises(NotApplicableError, match="does not tell the classes apart"):
            class_shares(torch.tensor([0, 1]), confusion)
    with pytest.raises(NotApplicableError, match="found 0"):
        class_shares(torch.tensor([], dtype=torch.long), PERFECT)


def test_shares_without_noise_have_no_error():
    sure = Shares(torch.tensor([1.0, 0.0]), torch.zeros(2, 2), 10)
    assert class_coverage(sure).stderr == 0
    assert total_variation(sure, torch.tensor([0.5, 0.5])).stderr == 0
