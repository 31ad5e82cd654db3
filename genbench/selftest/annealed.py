"""Annealed importance sampling on models whose log p(x) is hidden from it.

The mean of the weights over p(x) is 1 for any schedule, kernel and start. The reverse and forward
chains of the bidirectional gap are independent given x, so exp(-gap) averages to 1 too.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import log_ndtr, logsumexp

from genbench.selftest.check import (
    Array,
    CalibrationCheck,
    as_array,
    run_evaluator,
    standard_normal,
)
from genbench.selftest.fitting import linear_gaussian_case
from genbench.selftest.models import UniformCode

SHORT = {"n_chains": 64, "n_temperatures": 30, "n_leapfrog": 2, "n_data": None}
N = 100
AIS = "ais_log_likelihood"


def linear_gaussian() -> Iterator[CalibrationCheck]:
    """Forward chains, from the prior and from a wrong posterior."""
    it = linear_gaussian_case(N, latent_dim=2, noise=1.2)
    log_px, wrong = it.exact.log_px(it.flat), it.hidden()
    for schedule, start in (("sigmoid", "prior"), ("linear", "prior"), ("sigmoid", "posterior")):
        options = SHORT | {"schedule": schedule, "start": start}
        case = f"linear-Gaussian, {schedule} from the {start}"
        yield from run_evaluator(wrong, AIS, it.x, options).unbiased_weight(case, log_px)
    estimates = run_evaluator(it.hidden(wrong=False), AIS, it.x, SHORT | {"start": "posterior"})
    yield estimates.identity("linear-Gaussian, from the true posterior", log_px)


def bidirectional() -> Iterator[CalibrationCheck]:
    """The gap is 0 from the true posterior, at least 0 elsewhere, and exp(-gap) is 1 on average."""
    it, name = linear_gaussian_case(N, latent_dim=2, noise=1.2), "bdmc_gap"
    zeros, near = np.zeros(N), SHORT | {"start": "posterior"}
    gap = run_evaluator(it.hidden(wrong=False), name, it.x, near)
    yield gap.identity("linear-Gaussian, from the true posterior", zeros)
    gap = run_evaluator(it.hidden(), name, it.x, near)
    case = "linear-Gaussian, from a wrong posterior"
    ratio = gap._replace(per_datum=np.exp(-gap.values()))
    yield ratio.expectation(f"{case}: mean of exp(−gap)", 1.0)
    yield gap.expectation(f"{case}: at least 0", zeros, claim=">=")
    gap = run_evaluator(it.hidden(), name, it.x, SHORT | {"n_temperatures": 5})
    yield gap.expectation("linear-Gaussian, 5 temperatures: at least 0", zeros, claim=">=")
    gap = run_evaluator(it.model, name, it.x)
    yield gap.identity("linear-Gaussian, log p(x) known", zeros)


def bounded_latent() -> Iterator[CalibrationCheck]:
    """A uniform prior: the chains' transformed coordinates must not affect the weights."""
    limit, scale = 1.0, 0.5
    noise = scale * standard_normal(N, 2, seed="bounded noise")
    x = 0.8 * standard_normal(N, 2, seed="bounded").tanh() + noise
    estimates = run_evaluator(UniformCode(2, limit, scale), AIS, x, SHORT)
    log_px = _uniform_log_px(as_array(x), limit, scale)
    yield from estimates.unbiased_weight("uniform prior, sigmoid from the prior", log_px)


def _uniform_log_px(x: Array, limit: float, scale: float) -> Array:
    """Return the log of the mean of N(x; z, scale^2 I) over z in a box, (N,)."""
    ends = np.stack((log_ndtr((limit - x) / scale), log_ndtr((-limit - x) / scale)))
    signs = np.asarray([1.0, -1.0]).reshape(2, 1, 1)
    each = logsumexp(ends, axis=0, b=signs) - np.log(2 * limit)
    return np.asarray(each.sum(axis=1), dtype=np.float64)
