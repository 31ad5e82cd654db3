"""The Vendi score: counts of distinct items, through the small matrix, with its jackknife."""

import math

import pytest
import torch

from genbench.core.estimate import NonFiniteError, NotApplicableError
from genbench.samples.vendi import vendi_score
from tests.samples.drawn import assert_mean_is, coverage, jackknife_stderr, normal

SHARES = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
TRUTH = math.exp(-float((SHARES * SHARES.log()).sum()))


def score(x):
    return vendi_score(x).value


def test_identical_items_are_one_and_orthogonal_items_are_all():
    assert score(normal(0, 1, 5).repeat(30, 1)) == pytest.approx(1, abs=1e-12)
    orthogonal = torch.linalg.qr(normal(0, 12, 12)).Q
    assert score(orthogonal) == pytest.approx(12, rel=1e-12)
    assert score(orthogonal[:5]) == pytest.approx(5, rel=1e-12)
    assert vendi_score(orthogonal).stderr == pytest.approx(0, abs=1e-12)


def test_repeating_every_item_changes_nothing_and_lengths_do_not_matter():
    x = normal(0, 20, 6)
    scales = torch.linspace(0.1, 9, 20, dtype=torch.float64)[:, None]
    assert score(x.repeat(3, 1)) == pytest.approx(score(x), rel=1e-12)
    assert score(x * scales) == pytest.approx(score(x), rel=1e-12)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_the_small_matrix_has_the_eigenvalues_of_the_matrix_of_all_pairs(shape):
    x = normal(0, *shape)
    similarities = torch.cosine_similarity(x[:, None], x[None], dim=2)
    values = torch.linalg.eigvalsh(similarities / len(x)).clamp(min=0)
    assert score(x) == pytest.approx(float(torch.special.entr(values).sum().exp()), rel=1e-10)


def test_the_error_is_that_of_leaving_out_one_item():
    x = normal(0, 300, 5) * torch.tensor([3, 2, 1, 1, 0.2], dtype=torch.float64)
    assert vendi_score(x).stderr == pytest.approx(jackknife_stderr(score, x), rel=0.02)


def test_intervals_cover_the_exponential_of_the_entropy_of_orthogonal_kinds():
    draws = torch.Generator().manual_seed(0)
    kinds = torch.multinomial(SHARES, 200 * 500, replacement=True, generator=draws)
    samples = torch.nn.functional.one_hot(kinds, 3).double().reshape(200, 500, 3)
    assert coverage([vendi_score(x) for x in samples], TRUTH) >= 0.93


def test_uniform_directions_have_the_known_bias():
    d, n = 4, 1000
    logs = [math.log(score(normal(i, n, d))) for i in range(200)]
    assert_mean_is(logs, math.log(d) - (d - 1) / (2 * n))


def test_items_without_a_direction_are_refused():
    x = normal(0, 10, 3)
    with pytest.raises(NotApplicableError, match="found 1"):
        vendi_score(x[:1])
    x[4] = 0
    with pytest.raises(NotApplicableError, match="no direction"):
        vendi_score(x)
    x[4] = torch.nan
    with pytest.raises(NonFiniteError, match="datum 4"):
        vendi_score(x)
