"""Bins of a Gaussian latent: exact inverses, and the length of a KL divergence."""

import math

import pytest
import torch
from torch.distributions import Gamma, Independent, MultivariateNormal, Normal

from genbench.certify.coding.latents import (
    BIN_BITS,
    Gaussian,
    centres,
    pop_prior,
    push_prior,
    turns_of,
)
from genbench.certify.coding.rans import LOWEST, WORD_BITS, Stack
from genbench.core.errors import StorageError
from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import seeded

D = 3
FACTOR = torch.tensor([[0.5, 0, 0], [0.2, 0.1, 0], [-0.3, 0.05, 0.02]], dtype=torch.float64)
LOC = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64)
QS = {
    "prior": Independent(Normal(torch.zeros(1, D), torch.ones(1, D)), 1),
    "diagonal": Independent(Normal(LOC, torch.tensor([[0.5, 0.1, 0.02]])), 1),
    "far": Independent(Normal(LOC * 4, torch.tensor([[1e-6, 3.0, 0.5]])), 1),
    "full": MultivariateNormal(LOC, scale_tril=FACTOR),
}
P = Independent(Normal(torch.zeros(D), torch.ones(D)), 1)


@pytest.mark.parametrize("name", QS)
def test_coding_a_draw_is_the_inverse_of_drawing_it(name):
    stack, q = Stack(endless=True), Gaussian(QS[name])
    draws = [q.pop(stack, turns_of(i, D)) for i in range(50)]
    for i in reversed(range(50)):
        q.push(stack, turns_of(i, D), draws[i])
    assert stack.is_as_at_the_start(stack.n_initial)


def test_draws_have_the_moments_of_the_posterior():
    stack, q, n = Stack(endless=True), Gaussian(QS["full"]), 3_000
    bins = [q.pop(stack, turns_of(i, D)) for i in range(n)]
    z = torch.tensor(centres(), dtype=torch.float64)[torch.tensor(bins)]
    covariance = FACTOR @ FACTOR.T
    variance = covariance.diagonal()
    assert ((z.mean(0) - LOC[0]).abs() < 4 * (variance / n).sqrt()).all()
    band = 4 * ((variance[:, None] * variance + covariance**2) / n).sqrt()
    assert ((z.T.cov() - covariance).abs() < band).all()


def test_the_prior_is_the_inverse_of_itself_and_costs_the_bits_of_a_bin():
    stack = Stack(endless=True)
    bins = pop_prior(stack, 2_000)
    assert abs(WORD_BITS * stack.n_initial - 2_000 * BIN_BITS) <= 2 * WORD_BITS
    push_prior(stack, bins)
    assert stack.is_as_at_the_start(stack.n_initial)


@pytest.mark.parametrize("name", ["prior", "diagonal", "full"])
def test_a_latent_costs_the_kl_divergence(name):
    n, q = 4_000, QS[name]
    stack, gaussian = Stack(endless=True), Gaussian(q)
    for i in range(n):
        push_prior(stack, gaussian.pop(stack, turns_of(i, D)))
    bits = WORD_BITS * (len(stack.words) - stack.n_initial) + math.log2(stack.head / LOWEST)
    with seeded(0, "kl"):
        z = q.sample((100 * n,))
    ratio = (q.log_prob(z) - P.log_prob(z)) / math.log(2)
    assert abs(bits / n - ratio.mean()) < 4 * ratio.std() / n**0.5 * 1.01**0.5 + 0.01


def test_a_latent_that_cannot_be_drawn_is_refused():
    far = Gaussian(QS["far"])
    with pytest.raises(StorageError, match="would not draw"):
        far.push(Stack(), [0, 0, 0], [0, 0, 0])


def test_another_posterior_is_refused():
    gamma = Independent(Gamma(torch.ones(1, 2), torch.ones(1, 2)), 1)
    with pytest.raises(NotApplicableError, match="Gamma, no Gaussian"):
        Gaussian(gamma)
