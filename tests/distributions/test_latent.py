"""Prior and posterior heads."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Independent, Normal, OneHotCategorical, kl_divergence

from genbench.core.seeding import seeded
from genbench.distributions.latent import (
    CategoricalPosterior,
    CategoricalPrior,
    ConstantScaleNormal,
    DiagonalNormal,
    FullNormal,
    IsotropicNormal,
    OneHot,
    StandardNormal,
    UniformPrior,
)
from genbench.inference.bounds import kl_terms
from tests.draws import randn


def test_the_standard_normal_is_one_event_of_its_dimensions():
    p = StandardNormal(3).double()()
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    z = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    expected = -0.5 * (1 + 4 + 0.25) - 1.5 * math.log(2 * math.pi)
    assert abs(p.log_prob(z).item() - expected) < 1e-14


def test_the_standard_normal_follows_dtype_and_is_not_stored():
    head = StandardNormal(3).to(torch.float64)
    assert head().sample().dtype is torch.float64
    assert not head.state_dict()


def test_the_standard_normal_draws_what_torchs_own_does():
    p = StandardNormal(3)().base_dist
    general = Normal(p.loc, p.scale)
    with seeded(0):
        expected = general.sample((7, 5))
    with seeded(0):
        assert torch.equal(p.sample((7, 5)), expected)


def test_the_posterior_head_reads_location_and_softplus_scale():
    head = DiagonalNormal(4, 2).double()
    features = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw = features @ head.linear.weight.T + head.linear.bias
    q = head(features)
    assert (q.batch_shape, q.event_shape) == ((5,), (2,))
    assert torch.allclose(q.mean, raw[:, :2], rtol=1e-13)
    assert torch.allclose(q.stddev, (1 + raw[:, 2:].exp()).log() + 1e-6, rtol=1e-12)


def test_the_posterior_scale_stays_positive_at_extreme_outputs():
    head = DiagonalNormal(1, 2)
    torch.nn.init.constant_(head.linear.weight, -1e4)
    q = head(torch.ones(1, 1))
    assert bool((q.stddev >= 1e-6).all())
    assert bool(torch.isfinite(q.log_prob(q.mean)).all())


def test_the_divergence_from_the_standard_normal_is_the_general_one():
    generator = torch.Generator().manual_seed(0)
    loc, scale = (torch.randn(5, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    leaves = [loc.requires_grad_(), scale.exp().detach().requires_grad_()]
    q = Normal(*leaves)
    p = StandardNormal(3).double()().base_dist
    assert p.variance.eq(1).all()
    general = Normal(torch.zeros(3).double(), torch.ones(3).double())
    found, expected = kl_divergence(q, p), kl_divergence(q, general)
    assert torch.allclose(found, expected, rtol=1e-13)
    slopes = [torch.autograd.grad(kl.sum(), leaves) for kl in (found, expected)]
    for ours, theirs in zip(*slopes, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    assert torch.equal(kl_divergence(p, p), torch.zeros(3).double())


def test_the_gradient_of_the_divergence_is_that_of_its_formula():
    loc, raw = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1)).unbind()
    loc, scale = loc.requires_grad_(), (raw.exp() + 0.1).requires_grad_()
    weight = torch.linspace(-2, 3, 18).reshape(6, 3)
    formula = (loc.square() + scale.square() - 1) * 0.5 - scale.log()
    expected = torch.autograd.grad(formula, (loc, scale), weight)
    q, p = Normal(loc, scale), StandardNormal(3)().base_dist
    found = torch.autograd.grad(kl_divergence(q, p), (loc, scale), weight)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_divergence_can_be_differentiated_twice_and_in_batches():
    p = StandardNormal(2).double()().base_dist

    def kl(loc, scale):
        return kl_divergence(Normal(loc, scale, validate_args=False), p)

    loc, scale = torch.tensor([[0.3, -2.0], [0.7, 1.5]], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(kl, (loc, scale))
    slope = torch.func.grad(lambda s: kl(loc, s).sum())
    curvature = torch.func.vmap(torch.func.jacrev(slope))(scale[None])
    assert torch.allclose(curvature[0], torch.diag(1 + scale**-2))


def test_the_standard_normal_is_torchs_in_every_other_way():
    p = StandardNormal(3).double()().expand((4,))
    general = Independent(Normal(torch.zeros(4, 3).double(), torch.ones(4, 3).double()), 1)
    z = torch.linspace(-9, 9, 24, dtype=torch.float64).reshape(2, 4, 3)
    assert torch.allclose(p.log_prob(z), general.log_prob(z), rtol=1e-14)
    assert torch.equal(p.entropy(), general.entropy())
    with seeded(0, "z"):
        draws = p.sample((2,))
    with seeded(0, "z"):
        assert torch.equal(draws, general.sample((2,)))


FEATURES = randn(5, 4)


def head(kind, latent_dim=3, features=4):
    with seeded(0, "head"):
        return kind(features, latent_dim).double()


def test_an_isotropic_posterior_has_one_scale_for_all_dimensions():
    made = head(IsotropicNormal)
    q = made(FEATURES)
    raw = FEATURES @ made.linear.weight.T + made.linear.bias
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    assert torch.allclose(q.mean, raw[:, :3], rtol=1e-13)
    scale = (1 + raw[:, 3:].exp()).log() + 1e-6
    assert torch.allclose(q.stddev, scale.expand(5, 3), rtol=1e-12)
    assert q.stddev[:, 0].unique().numel() == 5


def test_a_full_posterior_has_the_density_of_its_covariance():
    made = head(FullNormal)
    q = made(FEATURES)
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    z = torch.linspace(-2, 2, 15, dtype=torch.float64).reshape(5, 3)
    raw = (FEATURES @ made.linear.weight.T + made.linear.bias).detach().numpy()
    for i, row in enumerate(raw):
        L = np.diag(np.log1p(np.exp(row[3:6])) + 1e-6)
        L[1, 0], L[2, 0], L[2, 1] = row[6:]
        expected = multivariate_normal(row[:3], L @ L.T).logpdf(z[i].numpy())
        assert q.log_prob(z)[i].item() == pytest.approx(expected, rel=1e-10)
        assert np.allclose(q.covariance_matrix[i].detach().numpy(), L @ L.T, rtol=1e-12)


@pytest.mark.parametrize("latent_dim", [1, 2, 6])
def test_the_divergence_of_a_full_posterior_is_the_general_formula(latent_dim):
    """Doersch 2016, equation 7, with mu_1 = 0 and Sigma_1 = I, by determinant and trace."""
    q = head(FullNormal, latent_dim)(FEATURES)
    kl, parts = kl_terms(q, StandardNormal(latent_dim).double()())
    assert parts is None
    for i in range(5):
        m, S = q.mean[i].detach().numpy(), q.covariance_matrix[i].detach().numpy()
        expected = 0.5 * (np.trace(S) + m @ m - latent_dim - np.log(np.linalg.det(S)))
        assert kl[i].item() == pytest.approx(expected, rel=1e-10)


def test_a_full_posterior_without_correlations_is_the_diagonal_one():
    full, diagonal = head(FullNormal), head(DiagonalNormal)
    with torch.no_grad():
        full.linear.weight[6:] = 0
        full.linear.bias[6:] = 0
        diagonal.linear.weight.copy_(full.linear.weight[:6])
        diagonal.linear.bias.copy_(full.linear.bias[:6])
    q, factorised = full(FEATURES), diagonal(FEATURES)
    p = StandardNormal(3).double()()
    assert torch.allclose(kl_terms(q, p)[0], kl_terms(factorised, p)[0], rtol=1e-12)
    with seeded(0, "z"):
        z = q.rsample()
    with seeded(0, "z"):
        assert torch.allclose(z, factorised.rsample(), rtol=1e-12)
    assert torch.allclose(q.log_prob(z), factorised.log_prob(z), rtol=1e-12)


def test_from_another_prior_the_divergence_of_a_full_posterior_is_not_claimed():
    assert kl_terms(head(FullNormal)(FEATURES), UniformPrior(3).double()()) == (None, None)


def test_the_constant_scale_is_one_per_dimension_for_all_data():
    with seeded(0, "init"):
        head = ConstantScaleNormal(4, 3).double()
    with torch.no_grad():
        head.log_scale.copy_(torch.tensor([0.1, 0.5, 2.0]).log())
    features = randn(6, 4)
    q = head(features)
    assert (q.batch_shape, q.event_shape) == ((6,), (3,))
    assert torch.equal(q.mean, head.linear(features))
    expected = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    assert torch.allclose(q.stddev, expected.expand(6, 3), rtol=1e-6)


def test_the_uniform_prior_has_the_density_of_its_box_and_none_outside():
    p = UniformPrior(3, limit=2.0).double()()
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    inside = torch.tensor([0.0, 1.9, -1.9], dtype=torch.float64)
    assert float(p.log_prob(inside)) == pytest.approx(-3 * math.log(4))
    assert float(p.log_prob(inside + 0.2)) == -math.inf
    assert UniformPrior(3).state_dict() == {}


def test_the_categorical_prior_starts_uniform_and_is_learned():
    prior = CategoricalPrior(4)
    z = torch.eye(4)
    assert torch.allclose(prior().log_prob(z), torch.full((4,), -math.log(4)))
    prior().log_prob(z[1]).backward()
    expected = torch.tensor([-0.25, 0.75, -0.25, -0.25])
    assert torch.allclose(prior.logits.grad, expected)


def test_the_categorical_posterior_is_a_softmax_of_its_logits():
    with seeded(0, "init"):
        head = CategoricalPosterior(4, 5).double()
    features = randn(6, 4)
    q = head(features)
    assert (q.batch_shape, q.event_shape) == ((6,), (5,))
    assert torch.allclose(q.mean, head.linear(features).softmax(1), rtol=1e-12)


def test_an_expanded_prior_over_categories_is_the_same_for_every_datum():
    prior = CategoricalPrior(3).double()
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.3, -1.0, 2.0]))
    wide = prior().expand((4,))
    z = torch.eye(3, dtype=torch.float64)[[0, 2, 1, 2]]
    assert (wide.batch_shape, wide.event_shape) == ((4,), (3,))
    assert torch.equal(wide.log_prob(z), prior().log_prob(z))
    with seeded(0, "z"):
        assert wide.sample((7,)).sum(dim=-1).eq(1).all()


def test_one_hot_vectors_of_a_larger_batch_are_those_of_torchs_own_class():
    logits = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    own = OneHot(logits).expand(torch.Size((2, 4)))
    plain = OneHotCategorical(logits=logits).expand(torch.Size((2, 4)))
    x = torch.eye(3, dtype=torch.float64)[:, None, None].expand(3, 2, 4, 3)
    assert own.batch_shape == (2, 4)
    assert torch.equal(own.log_prob(x), plain.log_prob(x))
    assert own.sample().shape == (2, 4, 3)
