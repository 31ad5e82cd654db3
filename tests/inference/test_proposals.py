"""Proposals: unbiased on models with a known p(x), exact where q is, better where q is bad."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal

from genbench.core.seeding import Stream, seeded
from genbench.inference import bounds, proposals
from genbench.inference.defensive_mixture import DefensiveMixture
from genbench.inference.proposals import PROPOSALS, SHARE, fit_quadratic
from tests.draws import randn
from tests.inference.exact_models import DiscreteVae, WrongPosterior, correlated_data, fitted

X = correlated_data()
MODEL = fitted(X)
LOG_PX = MODEL.log_prob(X)
STREAM = Stream(0, ("proposals",))


class Curved:
    """z ~ N(0, 1) and five Bernoulli pixels with steep logits: p(z|x) is no Gaussian."""

    slopes = torch.tensor([3.0, -2.0, 1.5, 4.0, -1.0], dtype=torch.float64)
    offsets = torch.tensor([0.5, -1.0, 0.0, 1.0, -0.5], dtype=torch.float64)

    def __init__(self, scale=0.5):
        self.scale = scale

    def prior(self):
        return Independent(Normal(torch.zeros(1).double(), torch.ones(1).double()), 1)

    def observation_model(self, z):
        return Independent(Bernoulli(logits=z * self.slopes + self.offsets), 1)

    def posterior(self, x):
        loc = 0.3 * (x @ self.slopes).unsqueeze(-1) / self.slopes.norm()
        return Independent(Normal(loc, torch.full_like(loc, self.scale)), 1)

    def log_px(self, x):
        """Return log p(x) by the trapezium rule, which is exact to rounding here."""
        z = torch.linspace(-12, 12, 4001, dtype=torch.float64).unsqueeze(-1)
        p = self.observation_model(z.unsqueeze(1)).log_prob(x)  # (4001, B)
        step = float(z[1, 0] - z[0, 0])
        return (p + self.prior().log_prob(z).unsqueeze(1)).logsumexp(dim=0) + math.log(step)


class Recorded:
    """A model that keeps the draws which are weighted, without those of the pilot."""

    def __init__(self, model):
        self.model, self.weighted = model, []
        self.prior, self.posterior = model.prior, model.posterior

    def observation_model(self, z):
        if not z.requires_grad:
            self.weighted.append(z)
        return self.model.observation_model(z)


class Detached(WrongPosterior):
    """A model whose observation model has no gradient in z."""

    def observation_model(self, z):
        return self.model.observation_model(z.detach())


def weighted(model, x, k, proposal="fitted", chunk=None, stream=STREAM):
    return bounds.importance_weights(model, x, k, chunk, stream, proposal)


def require_unbiased(estimates, log_px):
    """The mean of the weights is p(x), within four standard errors over repeats."""
    ratio = (estimates - log_px).exp().mean(dim=1)
    assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(len(ratio))


# --- unbiased ---


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_mean_weight_is_px_where_the_posterior_is_no_gaussian(proposal, k):
    model, x = Curved(), DiscreteVae.all_data()
    found = weighted(model, x.repeat(100, 1), k, proposal).log_mean().reshape(100, len(x))
    require_unbiased(found, model.log_px(x))


@pytest.mark.parametrize("proposal", PROPOSALS)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_mean_weight_is_px_on_a_linear_gaussian_model(proposal, k):
    model, x = WrongPosterior(MODEL, 0.1, 1.3), X[:20]
    found = weighted(model, x.repeat(100, 1, 1, 1), k, proposal).log_mean().reshape(100, 20)
    require_unbiased(found, LOG_PX[:20])


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_the_mean_weight_is_px_with_a_discrete_latent(proposal):
    model, x = DiscreteVae(), DiscreteVae.all_data()
    found = weighted(model, x.repeat(100, 1), 2, proposal).log_mean().reshape(100, len(x))
    require_unbiased(found, model.log_px(x))


def test_the_bounds_stay_below_log_px():
    model, x = Curved(), DiscreteVae.all_data()
    for proposal in PROPOSALS:
        found = weighted(model, x.repeat(100, 1), 3, proposal).log_mean().reshape(100, len(x))
        stderr = found.std(dim=0) / math.sqrt(100)
        assert bool((found.mean(dim=0) <= model.log_px(x) + 4 * stderr).all())


# --- exact where q is ---


@pytest.mark.parametrize("k", [1, 13])
def test_a_true_posterior_keeps_its_draws_and_stays_exact(k):
    found = weighted(MODEL, X, k)
    assert torch.equal(found.log_mean(), weighted(MODEL, X, k, "posterior").log_mean())
    assert float((found.log_mean() - LOG_PX).abs().max() / LOG_PX.abs().max()) < 1e-11
    assert found.remark == ""


def test_a_datum_with_a_true_posterior_keeps_it_beside_others():
    class Some(WrongPosterior):
        def posterior(self, x):
            q = self.model.posterior(x).base_dist
            factor = torch.ones(len(x), 1).double()
            factor[::2] = 0.4
            return Independent(Normal(q.loc, q.scale * factor), 1)

    found, own = (weighted(Some(MODEL), X[:40], 13, name).log_mean() for name in PROPOSALS)
    assert torch.allclose(found[1::2], LOG_PX[1:40:2], rtol=1e-11, atol=0)
    assert float((found - LOG_PX[:40])[::2].mean()) > float((own - LOG_PX[:40])[::2].mean())


# --- better where q is bad ---


@pytest.mark.parametrize(("shift", "widen"), [(0.0, 0.4), (0.5, 0.4), (0.0, 3.0)])
def test_a_bad_posterior_is_repaired(shift, widen):
    model = WrongPosterior(MODEL, shift, widen)
    found, own = (weighted(model, X[:100], 100, name) for name in ("fitted", "posterior"))
    lost, lost_before = ((LOG_PX[:100] - w.log_mean()).mean() for w in (found, own))
    assert float(lost) < float(lost_before) / 3
    assert float(found.ess().mean()) > 2 * float(own.ess().mean())


def test_weights_with_a_heavy_tail_lose_it():
    model = WrongPosterior(MODEL, 0.0, 0.4)
    found, own = (weighted(model, X[:100], 400, name).k_hat for name in ("fitted", "posterior"))
    assert float(own.median()) > 0.7
    assert float(found[~found.isnan()].median()) < 0.5
    assert float((found > 0.7).double().mean()) < 0.1 < float((own > 0.7).double().mean())


def test_correlations_that_a_factorised_posterior_misses_are_found():
    """p(z|x) of a linear-Gaussian model with correlated W, under its best factorised q."""
    W = randn(12, 3) @ torch.tensor([[1, 0.9, 0.8], [0, 0.5, 0.3], [0, 0, 0.4]]).double()
    model = fitted(X)
    model.W.copy_(W)
    precision = W.T @ W / model.s2 + torch.eye(3).double()
    loc = torch.linalg.solve(precision, ((X.flatten(1) - model.mean) @ W).T / model.s2).T
    best = Independent(Normal(loc, precision.diagonal().rsqrt().expand_as(loc)), 1)
    covariance = W @ W.T + model.s2 * torch.eye(12).double()
    log_px = MultivariateNormal(model.mean, covariance).log_prob(X.flatten(1))

    class Factorised(WrongPosterior):
        def posterior(self, x):
            return best

    found, own = (weighted(Factorised(model), X, 50, name) for name in ("fitted", "posterior"))
    assert float((log_px - own.log_mean()).mean()) > 0.3
    assert float((log_px - found.log_mean()).mean()) < 0.05


# --- addressed noise ---


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_draw_k_depends_on_neither_k_nor_the_chunk(chunk):
    few, many = (Recorded(WrongPosterior(MODEL)) for _ in range(2))
    weighted(few, X[:4], 7, chunk=chunk)
    weighted(many, X[:4], 23, chunk=5)
    first, more = torch.cat(few.weighted), torch.cat(many.weighted)
    assert torch.allclose(first, more[:7], rtol=1e-10, atol=1e-12)


def test_the_pilot_is_independent_of_the_weighted_draws():
    """More noise of the pilot's stream moves no weighted draw of q itself."""
    first = weighted(WrongPosterior(MODEL), X[:4], 7)
    second = weighted(WrongPosterior(MODEL), X[:4], 7, stream=STREAM.child("other"))
    assert not torch.isclose(first.log_mean(), second.log_mean()).any()
    torch.manual_seed(1)
    assert torch.equal(first.log_mean(), weighted(WrongPosterior(MODEL), X[:4], 7).log_mean())


# --- models that have no fitted proposal ---


def test_a_discrete_posterior_is_kept_and_said():
    x = DiscreteVae.all_data()
    found, own = (weighted(DiscreteVae(), x, 9, name) for name in ("fitted", "posterior"))
    assert torch.equal(found.log_mean(), own.log_mean())
    assert "no Gaussian" in found.remark
    assert own.remark == ""


def test_gradients_that_miss_the_observation_model_change_nothing():
    found, own = (weighted(Detached(MODEL, 0.0, 1.0), X, 9, name) for name in PROPOSALS)
    assert torch.equal(found.log_mean(), own.log_mean())


def test_weights_without_a_gradient_keep_the_posterior_and_say_it():
    q = bounds.posterior_of(MODEL, X)
    found = proposals.fitted(q, MODEL.prior(), lambda z: z.detach().sum(dim=-1), 5, STREAM)
    assert found.distribution is q
    assert "no gradient" in found.remark


def test_weights_that_are_not_finite_keep_the_posterior():
    q = bounds.posterior_of(MODEL, X)
    for bad in (math.inf, math.nan):
        found = proposals.fitted(
            q, MODEL.prior(), lambda z, bad=bad: z.sum(dim=-1) * bad, 5, STREAM
        )
        assert found.distribution is q


# --- the parts ---


@pytest.mark.parametrize("n_dims", [1, 2, 5, 40])
def test_orthogonal_draws_are_orthogonal_and_normal(n_dims):
    with seeded(0, "u"):
        u = proposals.orthogonal_draws(24, torch.zeros(500, n_dims).double())
    first = u[: min(n_dims, 24)]
    gram = torch.einsum("ibd,jbd->bij", first, first)
    assert float((gram - torch.diag_embed(gram.diagonal(dim1=1, dim2=2))).abs().max()) < 1e-10
    stderr = 1 / math.sqrt(u[..., 0].numel() / 24)
    assert abs(float(u.mean())) < 4 * stderr
    assert abs(float(u.square().mean()) - 1) < 4 * math.sqrt(2) * stderr


def test_the_fit_finds_a_quadratic_up_to_its_ridge():
    a, root = randn(3, 4), randn(3, 4, 4, seed=1)
    E, u = root @ root.mT, randn(5000, 3, 4, seed=2)
    fit = fit_quadratic(u, a - torch.einsum("bij,kbj->kbi", E, u))
    error = 12 * proposals.RIDGE / 5000
    assert torch.allclose(fit.E, E, rtol=error, atol=error * float(E.abs().max()))
    assert torch.allclose(fit.a, a, atol=error * float(E.abs().max()))
    assert torch.equal(fit.E, fit.E.mT) or torch.allclose(fit.E, fit.E.mT, atol=1e-12)


def test_fewer_draws_than_dimensions_explain_most_of_log_w_at_other_points():
    """A symmetric matrix of 32 dimensions from 24 gradients."""
    root = randn(1, 32, 32) / 8
    E, u, other = root @ root.mT, randn(24, 1, 32, seed=2), randn(500, 1, 32, seed=3)
    fit = fit_quadratic(u, -torch.einsum("bij,kbj->kbi", E, u))
    log_w = -0.5 * torch.einsum("kbi,bij,kbj->kb", other, E, other)
    left = log_w + 0.5 * torch.einsum("kbi,bij,kbj->kb", other, fit.E, other) - other @ fit.a[0]
    assert float(left.var()) < 0.5 * float(log_w.var())


def mixture(share=0.3):
    numbers = torch.tensor([0.5, 0.2, -0.4, 1.5], dtype=torch.float64).reshape(4, 1, 1)
    q = Independent(Normal(numbers[0], numbers[1]), 1)
    other = Independent(Normal(numbers[2], numbers[3]), 1)
    return q, DefensiveMixture(q, other, torch.tensor([share], dtype=torch.float64))


def test_the_mixture_is_a_density_and_draws_from_it():
    _, r = mixture()
    z = torch.linspace(-12, 12, 20_001, dtype=torch.float64).reshape(-1, 1, 1)
    step = float(z[1] - z[0])
    density = r.log_prob(z).double().exp()
    assert float(density.sum() * step) == pytest.approx(1, abs=1e-5)
    with seeded(0, "z"):
        draws = r.sample(torch.Size((100_000,))).double()
    for power in (1, 2):
        expected = float((density.unsqueeze(-1) * z**power).sum() * step)
        values = draws**power
        assert abs(float(values.mean()) - expected) < 4 * float(values.std()) / math.sqrt(1e5)


def test_no_weight_exceeds_that_of_q_by_more_than_one_over_the_share():
    q, r = mixture(SHARE)
    z = torch.linspace(-9, 9, 1001, dtype=torch.float64).reshape(-1, 1, 1)
    assert bool((q.log_prob(z) - r.log_prob(z) <= math.log(1 / SHARE) + 1e-12).all())


def test_a_share_of_one_is_q():
    q, r = mixture(1.0)
    z = torch.linspace(-1, 1, 11, dtype=torch.float64).reshape(-1, 1, 1)
    assert torch.equal(r.log_prob(z), q.log_prob(z))
