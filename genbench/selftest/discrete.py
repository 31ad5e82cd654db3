"""The VAE with one categorical latent: every draw can be enumerated."""

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
from genbench.selftest.check import (
    Check,
    expectation,
    identity,
    measure,
    normal,
    numpy,
    stated_error,
    unbiased_weight,
)

SHAPE = (1, 2, 3)
N_PIXELS = math.prod(SHAPE)
N_STATES = 4
CASE = "discrete VAE, enumerated"


class Discrete(NamedTuple):
    """Every picture, as often as asked, the shipped model, and all its tables."""

    x: Tensor
    model: DiscreteVae
    exact: exact.Enumerated


def discrete(n_copies: int) -> Discrete:
    """Build a model with weights of chance and all 64 pictures, ``n_copies`` times each."""
    bits = list(itertools.product([0.0, 1.0], repeat=N_PIXELS))
    x = torch.tensor(bits, dtype=torch.float64).repeat(n_copies, 1).reshape(-1, *SHAPE)
    posterior = CategoricalPosterior(N_PIXELS, N_STATES)
    decoder = MlpDecoder(N_STATES, (), SHAPE, "tanh")
    model = DiscreteVae(nn.Flatten(), posterior, decoder, BernoulliHead(), N_STATES).double()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=f"discrete {i}"))
        posterior.linear.weight.mul_(0.5)  # so that no weight is very large
        pixels = decoder(torch.eye(N_STATES, dtype=torch.float64)).flatten(1)
        codes = posterior.linear(x.flatten(1))
    tables = exact.enumerate_states(
        numpy(x.flatten(1)), numpy(pixels), numpy(model.categorical.logits), numpy(codes)
    )
    return Discrete(x, model, tables)


def enumerated() -> Iterator[Check]:
    """Every bound of few draws against the sum over all draws."""
    it = discrete(32)
    log_px = it.exact.log_px()
    for name, expected in (
        ("log_likelihood", log_px),
        ("bits_per_dim", -log_px / N_PIXELS / math.log(2)),
        ("kl", it.exact.mean(it.exact.log_qz - it.exact.log_pz)),
    ):
        yield identity(name, CASE, expected, measure(it.model, name, it.x).values)
    yield from _one_draw(it)
    yield from _few_draws(it)
    yield from _prior_draws(it)


def _one_draw(it: Discrete) -> Iterator[Check]:
    found = measure(it.model, "elbo", it.x, {"n_samples": 10})
    yield expectation("elbo", f"{CASE}, K = 10", it.exact.bound(1), found.values)
    variance = it.exact.variance(it.exact.log_w()) / 10
    stderr = math.sqrt(variance.sum()) / len(variance)
    yield stated_error("elbo", CASE, stderr, found.rows["elbo"], relative=0.05)
    name = "reconstruction_log_prob"
    values = measure(it.model, name, it.x, {"n_samples": 10}).values
    yield expectation(name, f"{CASE}, K = 10", it.exact.mean(it.exact.log_px_given_z), values)


def _few_draws(it: Discrete) -> Iterator[Check]:
    name = "iw_log_likelihood"
    for k, chunk in ((3, 2), (5, 4)):
        values = measure(it.model, name, it.x, {"n_samples": k, "chunk_size": chunk}).values
        case = f"{CASE}, K = {k} in chunks of {chunk}"
        yield expectation(name, case, it.exact.bound(k), values)
        yield from unbiased_weight(name, case, it.exact.log_px(), values)
    found = measure(it.model, "iw_curve", it.x, {"n_samples": 4})
    bounds = {k: it.exact.bound(k) for k in (1, 2, 4)}
    for k, bound in bounds.items():
        yield expectation(f"iw_curve[{k}]", f"{CASE}, K = 4", bound, found.part(str(k)))
    values = measure(it.model, "iw_extrapolated", it.x, {"n_samples": 4}).values
    expected = 2 * bounds[4] - bounds[2]
    yield expectation("iw_extrapolated", f"{CASE}, K = 4", expected, values)


def _prior_draws(it: Discrete) -> Iterator[Check]:
    prior, case = it.exact.under_prior(), f"{CASE}, K = 3"
    values = measure(it.model, "prior_bound", it.x, {"n_samples": 3}).values
    yield expectation("prior_bound", case, prior.bound(1), values)
    name = "prior_log_likelihood"
    values = measure(it.model, name, it.x, {"n_samples": 3, "chunk_size": 2}).values
    yield expectation(name, case, prior.bound(3), values)
    yield from unbiased_weight(name, case, prior.log_px(), values)


def many_draws() -> Iterator[Check]:
    """With many draws the bounds reach log p(x), but for a bias that is known."""
    it, k = discrete(2), 1000
    log_px = it.exact.log_px()
    tables = {"iw_log_likelihood": it.exact, "prior_log_likelihood": it.exact.under_prior()}
    for name, table in tables.items():
        found, case = measure(it.model, name, it.x, {"n_samples": k}), f"{CASE}, K = {k}"
        relative = table.relative_variance()
        bias = float(np.mean(relative)) / (2 * k)  # of the logarithm, to first order
        yield expectation(name, case, log_px, found.values, tolerance=bias)
        stderr = math.sqrt(relative.sum() / k) / len(relative)
        yield stated_error(name, case, stderr, found.rows[name], relative=0.05)
    values = measure(it.model, "iw_extrapolated", it.x, {"n_samples": k}).values
    yield expectation("iw_extrapolated", f"{CASE}, K = {k}", log_px, values)
