"""Diagnostics of the latent space: active units, parts of the rate, and what inference loses."""

from collections.abc import Iterator

import numpy as np

from genbench.selftest import exact
from genbench.selftest.check import ROUNDING, Check, expectation, identity, measure
from genbench.selftest.fitting import fitted, trained
from genbench.selftest.models import Known

UNFINISHED = 0.005
"""Nats that the steps towards the best posterior may be short of it."""


def active_units() -> Iterator[Check]:
    """The posterior mean of dimension i varies by 1 - s2 / eigenvalue over the data of the fit."""
    it, case = fitted(400), "linear-Gaussian, A = 1 − s²/λ"
    variances = 1 - it.exact.s2 / it.exact.eigenvalues
    between = float(variances[1:].mean())
    value = measure(it.model, "active_units", it.x, {"threshold": between}).value
    title = f"{case}, threshold {between:.3f}"
    yield Check("active_units", title, float((variances > between).sum()), value)
    near = tuple(float(f"{a * side:.4f}") for a in variances for side in (0.999, 1.001))
    found = measure(it.model, "active_units_sweep", it.x, {"thresholds": near})
    for threshold, metric, value in zip(near, found.rows, found.numbers, strict=True):
        yield Check(metric, case, float((variances > threshold).sum()), value)


def decomposition() -> Iterator[Check]:
    """The three parts against quadrature over the finite mixture of the same data."""
    it, case = trained(1500, off=0.2), "linear VAE, mixture of 1500 data by quadrature"
    expected = exact.mixture_parts(it.loc, it.scale)
    found = measure(it.model, "kl_decomposition", it.x, {"n_draws": len(it.x)})
    for part, value, row in zip(found.parts, found.numbers, found.rows.values(), strict=True):
        yield Check(f"kl_decomposition[{part}]", case, expected[part], value, row.stderr)
    kl = float(exact.diagonal_kl(it.loc, it.scale**2).sum(axis=1).mean())
    total = sum(found.numbers)
    yield Check("kl_decomposition", "linear VAE, sum of the parts", kl, total, tolerance=ROUNDING)


def inference_gap() -> Iterator[Check]:
    """Nothing is lost under the true posterior; else what the family and the encoder lose."""
    name, it = "inference_gap", fitted(100)
    found = measure(Known(it.model), name, it.x, {"n_data": None, "n_steps": 30})
    for part in found.parts:
        case, zeros = "linear-Gaussian, true posterior", np.zeros(len(it.x))
        yield identity(f"{name}[{part}]", case, zeros, found.part(part), tolerance=1e-8)
    vae = trained(100)
    found = measure(vae.model, name, vae.x, {"n_data": None, "n_steps": 200, "n_samples": 200})
    lost = vae.approximation()
    expected = {"approximation": np.full(len(vae.x), lost), "amortisation": vae.gap() - lost}
    for part, gap in expected.items():
        values, case = found.part(part), "linear VAE, correlated posterior"
        yield expectation(f"{name}[{part}]", case, gap, values, tolerance=UNFINISHED)
