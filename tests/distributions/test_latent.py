"""Prior and posterior heads."""

import math

import torch
from torch.distributions import Independent, Normal, kl_divergence

from genbench.core.seeding import seeded
from genbench.distributions.latent import DiagonalNormal, StandardNormal


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
