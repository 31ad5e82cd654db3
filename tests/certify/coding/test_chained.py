"""Bins of layers of latents: exact inverses, and the length of a KL divergence."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from genbench.certify.coding.chained import LayeredPrior, Layers, order_of
from genbench.certify.coding.latents import pop, push, turns_of, values
from genbench.certify.coding.priors import binned, posterior_in_bins
from genbench.certify.coding.rans import LOWEST, WORD_BITS, Stack
from genbench.core.tensors import independent_normal
from genbench.distributions.chain import Chain
from tests.draws import randn

BELOW, ABOVE, D = 2, 3, 5
DOWN, UP = 0.6 * randn(ABOVE, BELOW, seed=1), 0.6 * randn(BELOW, ABOVE, seed=2)
NOISE = torch.tensor([0.6, 1.2]).double()
SPREAD = torch.tensor([0.5, 0.8, 0.3]).double()
LOC, SCALE = torch.tensor([[1.4, 0.5]]).double(), torch.tensor([[0.3, 0.7]]).double()


def link(weight, bias, scale):
    return lambda z: independent_normal(z @ weight + bias, scale.expand(*z.shape[:-1], -1))


TOP = Independent(Normal(torch.zeros(ABOVE).double(), torch.ones(ABOVE).double()), 1)
PRIOR = Chain(TOP, [link(DOWN, 1.0, NOISE)], (ABOVE, BELOW), backwards=True)
POSTERIOR = Chain(independent_normal(LOC, SCALE), [link(UP, 0.2, SPREAD)], (BELOW, ABOVE))


def joint_prior():
    """p(z) as one Gaussian, the layer below first."""
    below = DOWN.T @ DOWN + torch.diag(NOISE**2)
    upper = torch.cat((below, DOWN.T), dim=1)
    lower = torch.cat((DOWN, torch.eye(ABOVE).double()), dim=1)
    loc = torch.tensor([1.0] * BELOW + [0.0] * ABOVE).double()
    return MultivariateNormal(loc, torch.cat((upper, lower)))


def joint_posterior():
    below = torch.diag(SCALE[0] ** 2)
    cross = below @ UP
    above = UP.T @ cross + torch.diag(SPREAD**2)
    covariance = torch.cat((torch.cat((below, cross), 1), torch.cat((cross.T, above), 1)))
    return MultivariateNormal(torch.cat((LOC[0], LOC[0] @ UP + 0.2)), covariance)


def coded(n):
    """Take n codes from a stack by the posterior and code them by the prior; what is left."""
    stack, prior = Stack(endless=True), binned(PRIOR)
    posterior = posterior_in_bins(POSTERIOR, prior)
    draws = []
    for i in range(n):
        draws.append(pop(stack, posterior, turns_of(i, D)))
        push(stack, prior, [0] * D, [draws[-1][d] for d in prior.order])
    return stack, prior, posterior, np.array(draws)


def test_each_layer_is_coded_after_the_one_that_it_is_given():
    assert order_of(POSTERIOR) == [0, 1, 2, 3, 4]
    assert order_of(PRIOR) == [2, 3, 4, 0, 1]
    three = Chain(TOP, [None, None], (3, 1, 2), backwards=True)
    assert order_of(three) == [3, 4, 5, 2, 0, 1]
    assert isinstance(binned(PRIOR), LayeredPrior)
    assert isinstance(posterior_in_bins(POSTERIOR, binned(PRIOR)), Layers)


def test_coding_is_undone_to_the_bit():
    stack, prior, posterior, draws = coded(60)
    for i in reversed(range(60)):
        found = pop(stack, prior, [0] * D)
        bins = [found[prior.order.index(d)] for d in range(D)]
        assert bins == draws[i].tolist()
        push(stack, posterior, turns_of(i, D), bins)
    assert stack.is_as_at_the_start(stack.n_initial)


def test_draws_have_the_moments_of_the_posterior():
    _, prior, _, draws = coded(3_000)
    z = prior.shift + prior.stretch * values(draws.ravel()).reshape(-1, D)
    p, n = joint_posterior(), len(z)
    covariance = p.covariance_matrix.numpy()
    variance = np.diag(covariance)
    assert (np.abs(z.mean(0) - p.loc.numpy()) < 4 * np.sqrt(variance / n)).all()
    band = 4 * np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    assert (np.abs(np.cov(z.T) - covariance) < band).all()


def test_layers_cost_their_kl_divergence():
    n = 3_000
    stack, *_ = coded(n)
    bits = WORD_BITS * (len(stack.words) - stack.n_initial) + math.log2(stack.head / LOWEST)
    q, p = joint_posterior(), joint_prior()
    z = q.sample((20_000,))
    spread = ((q.log_prob(z) - p.log_prob(z)) / math.log(2)).std()
    expected = kl_divergence(q, p) / math.log(2)
    assert abs(bits / n - expected) < 4 * spread / n**0.5 + 0.02


def test_bins_fit_the_prior_and_are_the_same_for_sender_and_receiver():
    one, other = LayeredPrior(PRIOR), LayeredPrior(PRIOR)
    assert (one.shift == other.shift).all()
    assert (one.stretch == other.stretch).all()
    p = joint_prior()
    scale = p.variance.sqrt().numpy()
    assert (np.abs(one.shift - p.loc.numpy()) < 4 * scale / 1000**0.5).all()
    assert one.stretch == pytest.approx(scale, rel=0.15)
    assert one.shift[BELOW:].tolist() == [0.0] * ABOVE
    assert one.stretch[BELOW:].tolist() == [1.0] * ABOVE
