"""The linear-Gaussian model: all its quantities have closed forms."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import logsumexp

from genbench.selftest import exact
from genbench.selftest.check import (
    ROUNDING,
    CalibrationCheck,
    as_array,
    run_evaluator,
    standard_normal,
)
from genbench.selftest.fitting import (
    N_PIXELS,
    SHAPE,
    SHIFT,
    STRETCH,
    LinearGaussianCase,
    linear_gaussian_case,
    linear_vae_case,
)
from genbench.selftest.models import Labelled

TRUE, WRONG = "linear-Gaussian, true posterior", "linear-Gaussian, wrong posterior"


def true_posterior() -> Iterator[CalibrationCheck]:
    """Every bound equals log p(x), and the rate its closed form."""
    it = linear_gaussian_case(400)
    yield from _log_likelihood(it)
    yield from _bounds_equal_log_px(it)
    yield from _rate(it)
    yield from _reconstruction(it)


def _log_likelihood(it: LinearGaussianCase) -> Iterator[CalibrationCheck]:
    name, log_px = "log_likelihood", it.exact.log_px(it.flat)
    estimates = run_evaluator(it.model, name, it.x)
    yield estimates.identity(TRUE, log_px)
    stated, stderr = estimates.rows[name].stderr, log_px.std(ddof=1) / math.sqrt(len(log_px))
    for case, expected, value in (
        (f"{TRUE}, mean", log_px.mean(), estimates.number),
        (f"{TRUE}, ± over data", stderr, math.nan if stated is None else stated),
    ):
        yield CalibrationCheck(name, case, expected, value, tolerance=ROUNDING)


def _bounds_equal_log_px(it: LinearGaussianCase) -> Iterator[CalibrationCheck]:
    log_px = it.exact.log_px(it.flat)
    for k in (1, 10):
        for name in ("elbo", "iw_log_likelihood"):
            estimates = run_evaluator(it.model, name, it.x, {"n_samples": k})
            yield estimates.identity(f"{TRUE}, K = {k}", log_px)
    curve = run_evaluator(it.model, "iw_curve", it.x, {"n_samples": 10, "chunk_size": 3})
    for part in curve.parts:
        yield curve.identity(f"{TRUE}, K = 10", log_px, part)
    yield run_evaluator(it.model, "iw_extrapolated", it.x).mean(TRUE, float(log_px.mean()))
    chains = run_evaluator(it.model, "ais_log_likelihood", it.x, {"n_data": None})
    yield chains.identity(TRUE, log_px)
    bits = run_evaluator(it.model, "bits_per_dim", it.x, {"n_levels": 256})
    yield bits.identity(f"{TRUE}, 256 levels", 8 - log_px / N_PIXELS / math.log(2))


def _rate(it: LinearGaussianCase) -> Iterator[CalibrationCheck]:
    """The mean over the fitted data is 1/2 ln(eigenvalue / s2) per dimension."""
    kl, mean = it.exact.kl_per_dim(it.flat), 0.5 * np.log(it.exact.eigenvalues / it.exact.s2)
    rate = run_evaluator(it.model, "kl", it.x)
    yield rate.identity(TRUE, kl.sum(axis=1))
    case = f"{TRUE}, 1/2 Σ ln(λ/s²)"
    yield CalibrationCheck("kl", case, mean.sum(), rate.number, tolerance=ROUNDING)
    case = f"{TRUE}, 1/2 ln(λ/s²)"
    for i, value in enumerate(run_evaluator(it.model, "kl_per_dim", it.x).numbers):
        yield CalibrationCheck(f"kl_per_dim[{i}]", case, mean[i], value, tolerance=ROUNDING)


def _reconstruction(it: LinearGaussianCase) -> Iterator[CalibrationCheck]:
    s2, squares = it.exact.s2, ((it.flat - it.exact.reconstruction(it.flat)) ** 2).sum(axis=1)
    yield run_evaluator(it.model, "reconstruction_mse", it.x).identity(TRUE, squares / N_PIXELS)
    trace = ((it.exact.eigenvalues - s2) * it.exact.variance()).sum()
    log_prob = -0.5 * (squares + trace) / s2 - 0.5 * N_PIXELS * math.log(2 * math.pi * s2)
    yield run_evaluator(it.model, "reconstruction_log_prob", it.x).identity(TRUE, log_prob)


def wrong_posterior() -> Iterator[CalibrationCheck]:
    """A shifted and stretched posterior loses KL(q || p(z|x)), the same for each datum."""
    it, name = linear_gaussian_case(1000), "iw_log_likelihood"
    model, log_px = it.hidden(), it.exact.log_px(it.flat)
    gap, spread, relative = exact.gap_and_spread(np.asarray(SHIFT), STRETCH)
    elbo = run_evaluator(model, "elbo", it.x, {"n_samples": 10})
    yield elbo.expectation(f"{WRONG}, K = 10", log_px - gap)
    yield elbo.stated_error(WRONG, math.sqrt(spread / 10 / len(log_px)), relative=0.05)
    few = run_evaluator(model, name, it.x, {"n_samples": 5})
    yield from few.unbiased_weight(f"{WRONG}, K = 5", log_px)
    n, k = 200, 2000
    case, of_q = f"{WRONG}, K = {k}", {"n_samples": k, "proposal": "posterior"}
    many = run_evaluator(model, name, it.x[:n], of_q)
    bias = relative / (2 * k)  # of the logarithm, to first order
    yield many.expectation(case, log_px[:n], tolerance=bias)
    yield many.stated_error(case, math.sqrt(relative / k / n), relative=0.05)


def one_latent_dimension() -> Iterator[CalibrationCheck]:
    """The bound of two draws, by quadrature over both."""
    it, case = (
        linear_gaussian_case(2000, latent_dim=1),
        "one latent dimension, wrong posterior, K = 2",
    )
    model, log_px = it.hidden(), it.exact.log_px(it.flat)
    options = {"n_samples": 2, "proposal": "posterior"}
    one = -exact.gap_and_spread(np.asarray(SHIFT[:1]), STRETCH)[0]
    two = exact.two_draw_bound(SHIFT[0], STRETCH)
    bound = run_evaluator(model, "iw_log_likelihood", it.x, options)
    yield bound.expectation(case, log_px + two)
    curve = run_evaluator(model, "iw_curve", it.x, options)
    for part, offset in {"1": one, "2": two}.items():
        yield curve.expectation(case, log_px + offset, part)


def labels_summed_out() -> Iterator[CalibrationCheck]:
    """p(x) of a conditional model is a mixture with one Gaussian per label."""
    it, name = linear_gaussian_case(400), "label_marginal_log_likelihood"
    offsets = 0.8 * standard_normal(3, *SHAPE, seed="offsets")
    log_py = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    given_y = [it.exact.log_px(it.flat - as_array(o.flatten())) for o in offsets]
    log_px = np.asarray(logsumexp(np.stack(given_y, axis=1) + as_array(log_py), axis=1))
    case, true = "linear-Gaussian given 3 labels", Labelled(it.hidden(wrong=False), offsets)
    estimates = run_evaluator(true, name, it.x, {"n_samples": 2}, log_py=log_py)
    yield estimates.identity(f"{case}, true posterior", log_px)
    wrong = Labelled(it.hidden(), offsets)
    estimates = run_evaluator(wrong, name, it.x, {"n_samples": 5}, log_py=log_py)
    yield from estimates.unbiased_weight(f"{case}, wrong posterior, K = 5", log_px)


def trained_form() -> Iterator[CalibrationCheck]:
    """The linear VAE: its own log p(x), and an ELBO that is lower by KL(q || p(z|x))."""
    it, case, options = linear_vae_case(500), "linear VAE, correlated posterior", {"n_samples": 10}
    yield run_evaluator(it.model, "log_likelihood", it.x).identity(case, it.log_px)
    elbo = run_evaluator(it.model, "elbo", it.x, options)
    yield elbo.expectation(f"{case}, K = 10", it.log_px - it.gap())
    bound = run_evaluator(it.model, "iw_log_likelihood", it.x, options)
    yield from bound.unbiased_weight(f"{case}, K = 10", it.log_px)
