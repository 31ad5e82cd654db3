"""Diagnostics of the latent space: active units, parts of the rate, and inference gaps."""

from collections.abc import Iterator

import numpy as np

from genbench.selftest import exact
from genbench.selftest.check import ROUNDING, CalibrationCheck, run_evaluator
from genbench.selftest.fitting import linear_gaussian_case, linear_vae_case
from genbench.selftest.models import WithLogProb

UNFINISHED = 0.005
"""Nats by which the optimisation may miss the best posterior."""


def active_units() -> Iterator[CalibrationCheck]:
    """The posterior mean of dimension i has variance 1 - s2 / eigenvalue over the fitted data."""
    it, case = linear_gaussian_case(400), "linear-Gaussian, A = 1 − s²/λ"
    variances = 1 - it.exact.s2 / it.exact.eigenvalues
    between = float(variances[1:].mean())
    n_active = run_evaluator(it.model, "active_units", it.x, {"threshold": between}).number
    title = f"{case}, threshold {between:.3f}"
    yield CalibrationCheck("active_units", title, float((variances > between).sum()), n_active)
    near = tuple(float(f"{a * side:.4f}") for a in variances for side in (0.999, 1.001))
    sweep = run_evaluator(it.model, "active_units_sweep", it.x, {"thresholds": near})
    for threshold, metric, n_active in zip(near, sweep.rows, sweep.numbers, strict=True):
        yield CalibrationCheck(metric, case, float((variances > threshold).sum()), n_active)


def decomposition() -> Iterator[CalibrationCheck]:
    """The three parts against quadrature over the finite mixture of the same data."""
    it, case = linear_vae_case(1500, off=0.2), "linear VAE, mixture of 1500 data by quadrature"
    name, expected = "kl_decomposition", exact.mixture_parts(it.loc, it.scale)
    parts = run_evaluator(it.model, name, it.x, {"n_draws": len(it.x)})
    for part, value, row in zip(parts.parts, parts.numbers, parts.rows.values(), strict=True):
        yield CalibrationCheck(row.metric, case, expected[part], value, row.stderr)
    kl = float(exact.diagonal_kl(it.loc, it.scale**2).sum(axis=1).mean())
    case, total = "linear VAE, sum of the parts", sum(parts.numbers)
    yield CalibrationCheck(name, case, kl, total, tolerance=ROUNDING)


def inference_gap() -> Iterator[CalibrationCheck]:
    """Gaps are zero under the true posterior, otherwise those of the family and of the encoder."""
    name, it = "inference_gap", linear_gaussian_case(100)
    options: dict[str, int | None] = {"n_data": None, "n_steps": 30}
    gaps = run_evaluator(WithLogProb(it.model), name, it.x, options)
    for part in gaps.parts:
        case, zeros = "linear-Gaussian, true posterior", np.zeros(len(it.x))
        yield gaps.identity(case, zeros, part, tolerance=1e-8)
    vae = linear_vae_case(100)
    gaps = run_evaluator(vae.model, name, vae.x, options | {"n_steps": 200, "n_samples": 200})
    lost, case = vae.approximation(), "linear VAE, correlated posterior"
    expected = {"approximation": np.full(len(vae.x), lost), "amortisation": vae.gap() - lost}
    for part, gap in expected.items():
        yield gaps.expectation(case, gap, part, tolerance=UNFINISHED)
