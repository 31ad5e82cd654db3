"""The linear-Gaussian model: every quantity of it has a closed form."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import logsumexp

from genbench.selftest import exact
from genbench.selftest.check import (
    ROUNDING,
    Check,
    expectation,
    identity,
    measure,
    normal,
    numpy,
    stated_error,
    unbiased_weight,
)
from genbench.selftest.fitting import (
    N_PIXELS,
    SHAPE,
    SHIFT,
    STRETCH,
    Fitted,
    fitted,
    trained,
)
from genbench.selftest.models import Labelled


def true_posterior() -> Iterator[Check]:
    """Every bound equals log p(x), and the rate its closed form."""
    it = fitted(400)
    yield from _bounds_equal_log_px(it)
    yield from _rate(it)
    yield from _reconstruction(it)


def _bounds_equal_log_px(it: Fitted) -> Iterator[Check]:
    case, log_px = "linear-Gaussian, true posterior", it.exact.log_px(it.flat)
    found = measure(it.model, "log_likelihood", it.x)
    yield identity("log_likelihood", case, log_px, found.values)
    row = found.rows["log_likelihood"]
    stated = math.nan if row.stderr is None else row.stderr
    stderr = log_px.std(ddof=1) / math.sqrt(len(log_px))
    yield Check("log_likelihood", f"{case}, mean", log_px.mean(), found.value, tolerance=ROUNDING)
    yield Check("log_likelihood", f"{case}, ± over data", stderr, stated, tolerance=ROUNDING)
    for k in (1, 10):
        options = {"n_samples": k}
        for name in ("elbo", "iw_log_likelihood"):
            values = measure(it.model, name, it.x, options).values
            yield identity(name, f"{case}, K = {k}", log_px, values)
    found = measure(it.model, "iw_curve", it.x, {"n_samples": 10, "chunk_size": 3})
    for part in found.parts:
        yield identity(f"iw_curve[{part}]", f"{case}, K = 10", log_px, found.part(part))
    for name in ("iw_extrapolated", "ais_log_likelihood"):
        values = measure(it.model, name, it.x, _all_data(name)).values
        yield identity(name, case, log_px, values)
    values = measure(it.model, "bits_per_dim", it.x, {"n_levels": 256}).values
    yield identity(
        "bits_per_dim", f"{case}, 256 levels", 8 - log_px / N_PIXELS / math.log(2), values
    )


def _all_data(name: str) -> dict[str, None]:
    return {"n_data": None} if name == "ais_log_likelihood" else {}


def _rate(it: Fitted) -> Iterator[Check]:
    """The mean over the data of the fit is 1/2 ln(eigenvalue / s2) per dimension."""
    case = "linear-Gaussian, true posterior"
    kl, mean = it.exact.kl_per_dim(it.flat), 0.5 * np.log(it.exact.eigenvalues / it.exact.s2)
    found = measure(it.model, "kl", it.x)
    yield identity("kl", case, kl.sum(axis=1), found.values)
    title = f"{case}, 1/2 Σ ln(λ/s²)"
    yield Check("kl", title, mean.sum(), found.value, tolerance=ROUNDING)
    found = measure(it.model, "kl_per_dim", it.x)
    for i, value in enumerate(found.numbers):
        title = f"{case}, 1/2 ln(λ/s²)"
        yield Check(f"kl_per_dim[{i}]", title, mean[i], value, tolerance=ROUNDING)


def _reconstruction(it: Fitted) -> Iterator[Check]:
    case, s2 = "linear-Gaussian, true posterior", it.exact.s2
    squares = ((it.flat - it.exact.reconstruction(it.flat)) ** 2).sum(axis=1)
    values = measure(it.model, "reconstruction_mse", it.x).values
    yield identity("reconstruction_mse", case, squares / N_PIXELS, values)
    trace = ((it.exact.eigenvalues - s2) * it.exact.variance()).sum()
    log_prob = -0.5 * (squares + trace) / s2 - 0.5 * N_PIXELS * math.log(2 * math.pi * s2)
    values = measure(it.model, "reconstruction_log_prob", it.x).values
    yield identity("reconstruction_log_prob", case, log_prob, values)


def wrong_posterior() -> Iterator[Check]:
    """A posterior that is shifted and stretched loses KL(q || p(z|x)), the same for each datum."""
    it, case = fitted(1000), "linear-Gaussian, wrong posterior"
    model, log_px = it.hidden(), it.exact.log_px(it.flat)
    gap, spread, relative = exact.gap_and_spread(np.asarray(SHIFT), STRETCH)
    found = measure(model, "elbo", it.x, {"n_samples": 10})
    yield expectation("elbo", f"{case}, K = 10", log_px - gap, found.values)
    stderr = math.sqrt(spread / 10 / len(log_px))
    yield stated_error("elbo", case, stderr, found.rows["elbo"], relative=0.05)
    values = measure(model, "iw_log_likelihood", it.x, {"n_samples": 5}).values
    yield from unbiased_weight("iw_log_likelihood", f"{case}, K = 5", log_px, values)
    few, k = it.x[:200], 2000
    found = measure(model, "iw_log_likelihood", few, {"n_samples": k})
    bias = relative / (2 * k)  # of the logarithm, to first order
    title = f"{case}, K = {k}"
    yield expectation("iw_log_likelihood", title, log_px[:200], found.values, tolerance=bias)
    stderr = math.sqrt(relative / k / 200)
    yield stated_error("iw_log_likelihood", title, stderr, found.rows["iw_log_likelihood"], 0.05)


def one_latent_dimension() -> Iterator[Check]:
    """The bound of two draws, by quadrature over both."""
    it, case = fitted(2000, latent_dim=1), "one latent dimension, wrong posterior, K = 2"
    model, log_px = it.hidden(), it.exact.log_px(it.flat)
    one = -exact.gap_and_spread(np.asarray(SHIFT[:1]), STRETCH)[0]
    two = exact.two_draw_bound(SHIFT[0], STRETCH)
    expected = {"iw_log_likelihood": two, "iw_extrapolated": 2 * two - one}
    for name, offset in expected.items():
        values = measure(model, name, it.x, {"n_samples": 2}).values
        yield expectation(name, case, log_px + offset, values)
    found = measure(model, "iw_curve", it.x, {"n_samples": 2})
    for part, offset in {"1": one, "2": two}.items():
        yield expectation(f"iw_curve[{part}]", case, log_px + offset, found.part(part))


def labels_summed_out() -> Iterator[Check]:
    """p(x) of a conditional model is a mixture of as many Gaussians as it has labels."""
    it, name = fitted(400), "label_marginal_log_likelihood"
    offsets = 0.8 * normal(3, *SHAPE, seed="offsets")
    log_py = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    moved = [it.exact.log_px(it.flat - numpy(o.flatten())) for o in offsets]
    log_px = np.asarray(logsumexp(np.stack(moved, axis=1) + numpy(log_py), axis=1))
    model = Labelled(it.hidden(wrong=False), offsets)
    values = measure(model, name, it.x, {"n_samples": 2}, log_py=log_py).values
    yield identity(name, "linear-Gaussian given 3 labels, true posterior", log_px, values)
    wrong = Labelled(it.hidden(), offsets)
    values = measure(wrong, name, it.x, {"n_samples": 5}, log_py=log_py).values
    case = "linear-Gaussian given 3 labels, wrong posterior, K = 5"
    yield from unbiased_weight(name, case, log_px, values)


def trained_form() -> Iterator[Check]:
    """The linear VAE: its own log p(x), and its ELBO below it by KL(q || p(z|x))."""
    it, case = trained(500), "linear VAE, correlated posterior"
    values = measure(it.model, "log_likelihood", it.x).values
    yield identity("log_likelihood", case, it.log_px, values)
    values = measure(it.model, "elbo", it.x, {"n_samples": 10}).values
    yield expectation("elbo", f"{case}, K = 10", it.log_px - it.gap(), values)
    values = measure(it.model, "iw_log_likelihood", it.x, {"n_samples": 10}).values
    yield from unbiased_weight("iw_log_likelihood", f"{case}, K = 10", it.log_px, values)
