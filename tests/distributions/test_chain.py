"""Chains of Gaussians against the joint Gaussian that they are."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from genbench.core.seeding import seeded
from genbench.core.tensors import independent_normal
from genbench.distributions.chain import Chain
from tests.inference.exact_models import randn

SIZES = (2, 3, 1)
B = 4
A, C = 0.7 * randn(2, 3, seed=1), 0.7 * randn(3, 1, seed=2)
SCALES = [torch.tensor(s).double() for s in ((0.5, 1.4), (0.9, 0.4, 1.2), (0.3,))]
BIASES = [randn(n, seed=3 + n) for n in SIZES]
ORDERS = pytest.mark.parametrize("backwards", [False, True])


def link(weight, bias, scale):
    return lambda z: independent_normal(z @ weight + bias, scale.expand(*z.shape[:-1], -1))


LINKS = [link(A, BIASES[1], SCALES[1]), link(C, BIASES[2], SCALES[2])]


def chain(*batch, backwards=False):
    loc = BIASES[0].expand(*batch, -1)
    first = independent_normal(loc, SCALES[0].expand_as(loc))
    return Chain(first, LINKS, SIZES, backwards=backwards)


def moments(*, backwards=False):
    """Mean and covariance of all six numbers, from z = m + M e for independent noise e."""
    M = torch.eye(6).double()
    M[2:5, :2] = A.T
    M[5, :2], M[5, 2:5] = (A @ C).T, C.T
    one, two = BIASES[0], BIASES[0] @ A + BIASES[1]
    mean = torch.cat((one, two, two @ C + BIASES[2]))
    M = M * torch.cat(SCALES)
    places = [5, 2, 3, 4, 0, 1] if backwards else list(range(6))
    return mean[places].numpy(), (M @ M.T)[places][:, places].numpy()


@ORDERS
def test_the_density_is_that_of_the_joint_gaussian(backwards):
    z = 2 * randn(5, B, 6)
    expected = multivariate_normal(*moments(backwards=backwards)).logpdf(z.numpy())
    for p in (chain(backwards=backwards), chain(B, backwards=backwards)):
        np.testing.assert_allclose(p.log_prob(z).numpy(), expected, rtol=1e-11)


@ORDERS
def test_draws_have_the_moments_of_the_joint_gaussian(backwards):
    n = 40_000
    with seeded(0, "z"):
        z = chain(B, backwards=backwards).sample((n // B,)).flatten(0, 1).numpy()
    mean, covariance = moments(backwards=backwards)
    variance = np.diag(covariance)
    assert (np.abs(z.mean(0) - mean) < 4.5 * np.sqrt(variance / n)).all()
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    assert (np.abs(np.cov(z.T) - covariance) < 4.5 * error).all()


def test_shapes_are_those_of_the_first_link_and_of_all_numbers():
    p = chain()
    assert (p.batch_shape, p.event_shape) == ((), (6,))
    assert p.expand((B,)).batch_shape == (B,)
    assert p.expand((B,)).sample((5,)).shape == (5, B, 6)
    assert torch.equal(p.expand((B,)).log_prob(randn(B, 6)), p.log_prob(randn(B, 6)))
    assert p.support.check(randn(B, 6)).all()
    assert not p.support.is_discrete


def test_a_draw_is_differentiable_in_what_comes_before_it():
    loc = BIASES[0].clone().requires_grad_()
    with seeded(0, "z"):
        z = Chain(independent_normal(loc, SCALES[0]), LINKS, SIZES).rsample()
    (slope,) = torch.autograd.grad(z[5], loc)
    assert torch.allclose(slope, (A @ C).squeeze(1), rtol=1e-12)
    assert not chain().sample().requires_grad
