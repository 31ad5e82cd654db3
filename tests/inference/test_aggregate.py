"""The parts of the KL against linear-Gaussian closed forms, and the finite mixture's bias."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from genbench.inference.aggregate import Mixture, decompose_kl, log_mixture, with_known_sum
from tests.draws import randn

L = torch.tensor([[1.4, 0.0, 0.0], [0.8, 0.9, 0.0], [-0.3, 0.4, 0.2]], dtype=torch.float64)
SCALE = torch.tensor([0.5, 0.7, 0.9], dtype=torch.float64)


def closed_form(L=L, scale=SCALE):
    """MI, TC and DWKL of q(z|x) = N(L x, diag scale^2) with x ~ N(0, I) and p(z) = N(0, I).

    The aggregate posterior is N(0, A), A = L L^T + diag scale^2.
    """
    A = L @ L.T + torch.diag(scale.square())
    log_det, diagonal = torch.logdet(A), A.diagonal()
    mi = 0.5 * log_det - scale.log().sum()
    tc = 0.5 * (diagonal.log().sum() - log_det)
    dwkl = 0.5 * (diagonal - 1 - diagonal.log()).sum()
    return torch.stack((mi, tc, dwkl))


def draws(n, m, seed=0, L=L, scale=SCALE):
    """Parts (m, 3) of m draws from the mixture over n data."""
    loc = randn(n, len(L), seed=seed) @ L.T
    z = loc[:m] + scale * randn(m, len(L), seed=seed + 1)
    q, p = Normal(loc[:m], scale), Normal(torch.zeros_like(scale), 1.0)
    mixture = Mixture(loc, scale.expand_as(loc))
    return decompose_kl(z, q.log_prob(z).sum(1), p.log_prob(z), mixture), loc


def kl_of_each(loc, scale=SCALE):
    return (0.5 * (scale.square() + loc.square() - 1) - scale.log()).sum(1)


def kl_total(loc, scale=SCALE):
    return kl_of_each(loc, scale).mean()


@pytest.mark.parametrize("chunk", [1, 1000, 10**6])
def test_the_mixture_density_is_that_of_torch(chunk, monkeypatch):
    monkeypatch.setattr("genbench.inference.aggregate.CHUNK", chunk)
    loc, scale, z = randn(40, 3), 0.2 + randn(40, 3, seed=1).square(), randn(11, 3, seed=2)
    weights = Categorical(torch.ones(40, dtype=torch.float64))
    joint, marginal = log_mixture(z, Mixture(loc, scale))
    expected = MixtureSameFamily(weights, Independent(Normal(loc, scale), 1)).log_prob(z)
    assert torch.allclose(joint, expected, rtol=1e-12)
    for d in range(3):
        one = MixtureSameFamily(weights, Normal(loc[:, d], scale[:, d])).log_prob(z[:, d])
        assert torch.allclose(marginal[:, d], one, rtol=1e-12)


def test_narrow_components_far_from_the_origin_lose_no_digits_that_matter():
    loc, scale = 3 + randn(40, 3), torch.full((40, 3), 1e-3, dtype=torch.float64)
    z = loc[:11] + scale[:11] * randn(11, 3, seed=2)
    joint, marginal = log_mixture(z, Mixture(loc, scale))
    each = Normal(loc, scale).log_prob(z[:, None])  # (M, N, D)
    assert torch.allclose(joint, each.sum(2).logsumexp(1) - math.log(40), rtol=0, atol=1e-8)
    assert torch.allclose(marginal, each.logsumexp(1) - math.log(40), rtol=0, atol=1e-8)


def test_the_parts_of_a_large_mixture_have_their_closed_forms():
    parts, loc = draws(n=20_000, m=600)
    exact = closed_form()
    adjusted = with_known_sum(parts, kl_total(loc))
    error = adjusted.std(dim=0) / math.sqrt(600)
    of_data = kl_of_each(loc).std() / math.sqrt(20_000)  # the components are a sample too
    assert ((adjusted.mean(dim=0) - exact).abs() < 4 * torch.hypot(error, of_data)).all()
    assert (exact > 10 * error).all()


def test_a_finite_mixture_has_too_little_mutual_information_and_too_much_correlation():
    """Bias against the closed form: MI low, TC high by as much, both vanish as N grows."""
    scale = torch.full((8,), 0.2, dtype=torch.float64)
    wide = torch.eye(8, dtype=torch.float64) * (1 - 0.04) ** 0.5
    mi, tc, dwkl = closed_form(wide, scale).tolist()
    assert (tc, dwkl) == pytest.approx((0, 0), abs=1e-12)
    biases = []
    for n in (100, 1000, 5000):
        parts, _ = draws(n, min(n, 300), L=wide, scale=scale)
        found = parts.mean(dim=0)
        assert found[0] <= math.log(n) + 1e-9
        biases.append((found[0].item() - mi, found[1].item()))
    mi_bias, tc_bias = zip(*biases, strict=True)
    assert mi > math.log(5000)  # so the bias must be there
    assert mi_bias[0] < mi_bias[1] < mi_bias[2] < -1
    assert tc_bias[0] > tc_bias[1] > tc_bias[2] > 1
    assert mi_bias[2] == pytest.approx(-tc_bias[2], rel=0.15)


def test_few_dimensions_need_few_data():
    """With MI far below log N the bias shrinks as 1/N, to nothing against the error."""
    exact = closed_form()
    low = [
        torch.stack([draws(n, n, seed=10 * s)[0].mean(0) for s in range(reps)]).mean(0)
        for n, reps in ((10, 400), (40, 200), (160, 50))
    ]
    gaps = [(exact[0] - found[0]).item() for found in low]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0


def test_corrected_parts_add_up_to_the_known_total_and_vary_less():
    parts, loc = draws(n=2000, m=500)
    total = kl_total(loc)
    adjusted = with_known_sum(parts, total)
    assert torch.allclose(adjusted.sum(dim=1), total.expand(500), rtol=1e-12)
    assert (adjusted.std(dim=0) <= parts.std(dim=0)).all()
    assert (adjusted.mean(0) - parts.mean(0)).abs().max() > 1e-6


def test_the_correction_leaves_the_means_where_they_are_on_average():
    """Over many repetitions both estimates have the same mean, within the error."""
    differences = []
    for seed in range(200):
        parts, loc = draws(n=100, m=100, seed=2 * seed + 1000)
        differences.append(with_known_sum(parts, kl_total(loc)).mean(0) - parts.mean(0))
    differences = torch.stack(differences)
    assert (differences.mean(0).abs() < 4 * differences.std(0) / math.sqrt(200)).all()


def test_a_collapsed_posterior_has_nothing_to_split():
    zeros, ones = torch.zeros(50, 2).double(), torch.ones(50, 2).double()
    z = randn(50, 2)
    p = Normal(zeros, ones)
    parts = decompose_kl(z, p.log_prob(z).sum(1), p.log_prob(z), Mixture(zeros, ones))
    assert parts.abs().max() < 1e-12
    assert with_known_sum(parts, torch.tensor(0.0).double()).abs().max() < 1e-12
