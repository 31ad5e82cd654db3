"""Priors and posterior heads beside the standard ones."""

import math

import pytest
import torch
from torch.distributions import OneHotCategorical

from genbench.core.seeding import seeded
from genbench.distributions.latent import (
    CategoricalPosterior,
    CategoricalPrior,
    ConstantScaleNormal,
    OneHot,
    UniformPrior,
)
from tests.draws import randn


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
