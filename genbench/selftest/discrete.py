"""The VAE with one categorical latent: all draws can be enumerated."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genbench.distributions.latent import CategoricalPosterior
from genbench.distributions.observation import BernoulliHead
from genbench.models.discrete_vae import DiscreteVae
from genbench.nets.mlp import MlpDecoder
from genbench.selftest import exact
from genbench.selftest.check import CalibrationCheck, as_array, run_evaluator, standard_normal

SHAPE = (1, 2, 3)
N_PIXELS = math.prod(SHAPE)
N_STATES = 4
CASE = "discrete VAE, enumerated"


class DiscreteCase(NamedTuple):
    """Data with every image equally often, the shipped model, and all its probability tables."""

    x: Tensor
    model: DiscreteVae
    exact: exact.Enumerated


def discrete_case(n_copies: int) -> DiscreteCase:
    """Build a model with random weights, and all 64 images, ``n_copies`` times each."""
    bits = list(itertools.product([0.0, 1.0], repeat=N_PIXELS))
    x = torch.tensor(bits, dtype=torch.float64).repeat(n_copies, 1).reshape(-1, *SHAPE)
    posterior = CategoricalPosterior(N_PIXELS, N_STATES)
    decoder = MlpDecoder(N_STATES, (), SHAPE, "tanh")
    model = DiscreteVae(nn.Flatten(), posterior, decoder, BernoulliHead(), N_STATES).double()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(standard_normal(*parameter.shape, seed=f"discrete {i}"))
        posterior.linear.weight.mul_(0.5)  # so that no weight is very large
        pixels = decoder(torch.eye(N_STATES, dtype=torch.float64)).flatten(1)
        codes = posterior.linear(x.flatten(1))
    logits = (pixels, model.categorical.logits, codes)
    tables = exact.enumerate_states(as_array(x.flatten(1)), *(as_array(v) for v in logits))
    return DiscreteCase(x, model, tables)


def enumerated() -> Iterator[CalibrationCheck]:
    """Every bound of few draws against the sum over all draws."""
    it = discrete_case(32)
    log_px = it.exact.log_px()
    for name, expected in (
        ("log_likelihood", log_px),
        ("bits_per_dim", -log_px / N_PIXELS / math.log(2)),
        ("kl", it.exact.mean(it.exact.log_qz - it.exact.log_pz)),
    ):
        yield run_evaluator(it.model, name, it.x).identity(CASE, expected)
    yield from _one_draw(it)
    yield from _few_draws(it)
    yield from _prior_draws(it)


def _one_draw(it: DiscreteCase) -> Iterator[CalibrationCheck]:
    case, options = f"{CASE}, K = 10", {"n_samples": 10}
    elbo = run_evaluator(it.model, "elbo", it.x, options)
    yield elbo.expectation(case, it.exact.bound(1))
    variance = it.exact.variance(it.exact.log_w()) / 10
    stderr = math.sqrt(variance.sum()) / len(variance)
    yield elbo.stated_error(CASE, stderr, relative=0.05)
    reconstruction = run_evaluator(it.model, "reconstruction_log_prob", it.x, options)
    yield reconstruction.expectation(case, it.exact.mean(it.exact.log_px_given_z))


def _few_draws(it: DiscreteCase) -> Iterator[CalibrationCheck]:
    for k, chunk in ((3, 2), (5, 4)):
        options = {"n_samples": k, "chunk_size": chunk}
        bound = run_evaluator(it.model, "iw_log_likelihood", it.x, options)
        case = f"{CASE}, K = {k} in chunks of {chunk}"
        yield bound.expectation(case, it.exact.bound(k))
        yield from bound.unbiased_weight(case, it.exact.log_px())
    case, options = f"{CASE}, K = 4", {"n_samples": 4}
    curve = run_evaluator(it.model, "iw_curve", it.x, options)
    bounds = {k: it.exact.bound(k) for k in (1, 2, 4)}
    for k, expected in bounds.items():
        yield curve.expectation(case, expected, part=str(k))


def _prior_draws(it: DiscreteCase) -> Iterator[CalibrationCheck]:
    prior, k = it.exact.under_prior(), 1000
    bound = run_evaluator(it.model, "prior_bound", it.x, {"n_samples": k})
    of_all = prior.log_px_given_z.mean(axis=0)  # all data share the draws
    stderr = math.sqrt(prior.variance(of_all)[0] / k)
    exact, case = float(prior.bound(1).mean()), f"{CASE}, K = {k}"
    yield CalibrationCheck("prior_bound", case, exact, bound.number, stderr)
    yield bound.stated_error(case, stderr, relative=0.1)
    case = f"{CASE}, K = 3"
    options = {"n_samples": 3, "chunk_size": 2}
    estimates = run_evaluator(it.model, "prior_log_likelihood", it.x, options)
    yield estimates.expectation(case, prior.bound(3))
    yield from estimates.unbiased_weight(case, prior.log_px())


def many_draws() -> Iterator[CalibrationCheck]:
    """With many draws the bounds reach log p(x), up to a known bias."""
    it, k = discrete_case(2), 1000
    log_px, case, options = it.exact.log_px(), f"{CASE}, K = {k}", {"n_samples": k}
    tables = {"iw_log_likelihood": it.exact, "prior_log_likelihood": it.exact.under_prior()}
    for name, table in tables.items():
        estimates = run_evaluator(it.model, name, it.x, options)
        relative = table.relative_variance()
        bias = float(np.mean(relative)) / (2 * k)  # of the logarithm, to first order
        yield estimates.expectation(case, log_px, tolerance=bias)
        stderr = math.sqrt(relative.sum() / k) / len(relative)
        yield estimates.stated_error(case, stderr, relative=0.05)
    extrapolated = run_evaluator(it.model, "iw_extrapolated", it.x, options)
    yield extrapolated.mean(case, float(log_px.mean()))
