"""Bins of a latent: exact inverses, and the length of a KL divergence."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import (
    Categorical,
    Gamma,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from genbench.certify.coding.latents import Gaussian, pop, push, turns_of, values
from genbench.certify.coding.priors import binned
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


def mixture():
    loc = torch.tensor([[0.0, -1.0, 1.0], [8.0, 0.5, 1.0]], dtype=torch.float64)
    scale = torch.tensor([[1.0, 0.8, 0.9], [0.7, 2.0, 1.1]], dtype=torch.float64)
    weights = Categorical(torch.tensor([0.8, 0.2], dtype=torch.float64))
    return MixtureSameFamily(weights, Independent(Normal(loc, scale), 1))


PS = {"normal": Independent(Normal(torch.zeros(D), torch.ones(D)), 1), "mixture": mixture()}


def gaussian(q, p):
    return Gaussian(q, p.shift, p.stretch)


@pytest.mark.parametrize("p", PS)
@pytest.mark.parametrize("q", QS)
def test_coding_a_draw_is_the_inverse_of_drawing_it(q, p):
    stack, latent = Stack(endless=True), gaussian(QS[q], binned(PS[p]))
    draws = [pop(stack, latent, turns_of(i, D)) for i in range(50)]
    for i in reversed(range(50)):
        push(stack, latent, turns_of(i, D), draws[i])
    assert stack.is_as_at_the_start(stack.n_initial)


@pytest.mark.parametrize("p", PS)
def test_a_prior_is_the_inverse_of_itself(p):
    stack, prior = Stack(endless=True), binned(PS[p])
    draws = [pop(stack, prior, [0] * D) for _ in range(300)]
    for bins in reversed(draws):
        push(stack, prior, [0] * D, bins)
    assert stack.is_as_at_the_start(stack.n_initial)


def draws_of(latent, prior, n):
    stack = Stack(endless=True)
    bins = np.array([pop(stack, latent, turns_of(i, D)) for i in range(n)])
    return prior.shift + prior.stretch * values(bins.ravel()).reshape(n, D)


def require_moments(z, loc, covariance):
    """Check means by four standard errors, and covariances by those of Gaussian draws."""
    n, variance = len(z), np.diag(covariance)
    assert (np.abs(z.mean(0) - loc) < 4 * np.sqrt(variance / n)).all()
    band = 4 * np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    assert (np.abs(np.cov(z.T) - covariance) < band).all()


@pytest.mark.parametrize("p", PS)
def test_draws_have_the_moments_of_the_posterior(p):
    prior = binned(PS[p])
    z = draws_of(gaussian(QS["full"], prior), prior, 3_000)
    require_moments(z, LOC[0].numpy(), (FACTOR @ FACTOR.T).numpy())


def test_draws_of_a_mixture_have_the_moments_of_each_component():
    p = PS["mixture"]
    z = draws_of(binned(p), binned(p), 4_000)
    second = z[:, 0] > 4
    assert abs(second.mean() - 0.2) < 4 * (0.2 * 0.8 / len(z)) ** 0.5
    for k, rows in enumerate((~second, second)):
        part = p.component_distribution.base_dist
        require_moments(z[rows], part.loc[k].numpy(), np.diag(part.scale[k].numpy() ** 2))


@pytest.mark.parametrize("p", PS)
@pytest.mark.parametrize("q", ["prior", "diagonal", "full"])
def test_a_latent_costs_the_kl_divergence(q, p):
    n, prior = 2_000, binned(PS[p])
    stack, latent = Stack(endless=True), gaussian(QS[q], prior)
    for i in range(n):
        push(stack, prior, [0] * D, pop(stack, latent, turns_of(i, D)))
    bits = WORD_BITS * (len(stack.words) - stack.n_initial) + math.log2(stack.head / LOWEST)
    with seeded(0, "kl"):
        z = QS[q].sample((100 * n,))
    ratio = (QS[q].log_prob(z) - PS[p].log_prob(z)) / math.log(2)
    assert abs(bits / n - ratio.mean()) < 4 * ratio.std() / n**0.5 * 1.01**0.5 + 0.02


def test_a_latent_that_cannot_be_drawn_is_refused():
    far = gaussian(QS["far"], binned(PS["normal"]))
    with pytest.raises(StorageError, match="would not draw"):
        push(Stack(), far, [0, 0, 0], [0, 0, 0])


def test_another_posterior_and_another_prior_are_refused():
    gamma = Independent(Gamma(torch.ones(1, D), torch.ones(1, D)), 1)
    with pytest.raises(NotApplicableError, match="posterior is a Gamma"):
        gaussian(gamma, binned(PS["normal"]))
    with pytest.raises(NotApplicableError, match="prior is a Gamma"):
        binned(gamma)
    with pytest.raises(NotApplicableError, match="prior is a Normal"):
        binned(Independent(Normal(torch.zeros(D), torch.full((D,), 2.0)), 1))
