"""Annealed importance sampling on models whose log p(x) is hidden from it.

The mean of the weights over p(x) is 1 whatever the schedule, the kernel or the start. Since reverse
and forward chains of the bidirectional gap are independent given x, exp(-gap) averages to 1, too.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import log_ndtr, logsumexp

from genbench.selftest.check import (
    Array,
    Check,
    expectation,
    identity,
    measure,
    normal,
    numpy,
    unbiased_weight,
)
from genbench.selftest.fitting import fitted
from genbench.selftest.models import UniformCode

SHORT = {"n_chains": 64, "n_temperatures": 30, "n_leapfrog": 2, "n_data": None}
N = 100
NAME = "ais_log_likelihood"


def linear_gaussian() -> Iterator[Check]:
    """Forward chains, from the prior and from a wrong posterior."""
    it = fitted(N, latent_dim=2, noise=1.2)
    log_px, model = it.exact.log_px(it.flat), it.hidden()
    for schedule, start in (("sigmoid", "prior"), ("linear", "prior"), ("sigmoid", "posterior")):
        options = SHORT | {"schedule": schedule, "start": start}
        values = measure(model, NAME, it.x, options).values
        case = f"linear-Gaussian, {schedule} from the {start}"
        yield from unbiased_weight(NAME, case, log_px, values)
    options = SHORT | {"start": "posterior"}
    values = measure(it.hidden(wrong=False), NAME, it.x, options).values
    yield identity(NAME, "linear-Gaussian, from the true posterior", log_px, values)


def bidirectional() -> Iterator[Check]:
    """The gap is 0 from the true posterior, at least 0 elsewhere, and exp(-gap) is 1 on average."""
    it, name = fitted(N, latent_dim=2, noise=1.2), "bdmc_gap"
    zeros, near = np.zeros(N), SHORT | {"start": "posterior"}
    values = measure(it.hidden(wrong=False), name, it.x, near).values
    yield identity(name, "linear-Gaussian, from the true posterior", zeros, values)
    values = measure(it.hidden(), name, it.x, near).values
    case = "linear-Gaussian, from a wrong posterior"
    yield expectation(name, f"{case}: mean of exp(−gap)", 1.0, np.exp(-values))
    yield expectation(name, f"{case}: at least 0", zeros, values, claim=">=")
    values = measure(it.hidden(), name, it.x, SHORT | {"n_temperatures": 5}).values
    yield expectation(
        name, "linear-Gaussian, 5 temperatures: at least 0", zeros, values, claim=">="
    )
    values = measure(it.model, name, it.x).values
    yield identity(name, "linear-Gaussian, log p(x) known", zeros, values)


def bounded_latent() -> Iterator[Check]:
    """A uniform prior: the chains move in other coordinates, which the weights must not see."""
    limit, scale = 1.0, 0.5
    model = UniformCode(2, limit, scale)
    x = 0.8 * normal(N, 2, seed="bounded").tanh() + scale * normal(N, 2, seed="bounded noise")
    values = measure(model, NAME, x, SHORT).values
    log_px = _uniform_log_px(numpy(x), limit, scale)
    yield from unbiased_weight(NAME, "uniform prior, sigmoid from the prior", log_px, values)


def _uniform_log_px(x: Array, limit: float, scale: float) -> Array:
    """Return log of the mean of N(x; z, scale^2 I) over z in a box: differences of normal laws."""
    ends = np.stack((log_ndtr((limit - x) / scale), log_ndtr((-limit - x) / scale)))
    signs = np.asarray([1.0, -1.0]).reshape(2, 1, 1)
    each = logsumexp(ends, axis=0, b=signs) - np.log(2 * limit)
    return np.asarray(each.sum(axis=1), dtype=np.float64)
