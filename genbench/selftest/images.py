"""Evaluators of generated images, for known samples or distributions."""

from collections.abc import Iterator

import numpy as np
import torch

from genbench.models.densities import IndependentGaussian
from genbench.selftest import exact
from genbench.selftest.check import (
    Array,
    CalibrationCheck,
    as_array,
    run_evaluator,
    standard_normal,
)
from genbench.selftest.models import FixedSamples

N_SAMPLES = 1000
WU_GRID = [(10 + i) / 100 for i in range(21)]
WIDTHS = [0.25, 0.5, 1.0, 2.0, 4.0]
BANDWIDTH = 1.5
OFFSET = (1.0, -0.6, 0.0, 0.3)
SCALE = 1.4


def parzen() -> Iterator[CalibrationCheck]:
    """The window over known samples, by brute force."""
    samples, x, held_out = (
        0.3 * standard_normal(n, 4, seed=f"parzen {n}") for n in (N_SAMPLES, 200, 150)
    )
    name, model, options = "parzen_log_likelihood", FixedSamples(samples), {"n_samples": N_SAMPLES}

    def log_px(x: torch.Tensor, scale: float) -> Array:
        return exact.parzen_log_density(as_array(x), as_array(samples), scale)

    estimates = run_evaluator(model, name, x, options | {"scale": 0.2})
    yield estimates.identity("known samples, scale 0.2", log_px(x, 0.2))
    scale = WU_GRID[int(np.argmax([log_px(held_out, s).mean() for s in WU_GRID]))]
    estimates = run_evaluator(model, name, x, options, validation=held_out)
    yield estimates.identity(f"known samples, scale {scale:g} by validation", log_px(x, scale))


def maximum_mean_discrepancy() -> Iterator[CalibrationCheck]:
    """Two Gaussians: the mean of a Gaussian kernel has a closed form."""
    x = standard_normal(1000, 4, seed="mmd")
    options = {"n_compared": len(x), "bandwidth": BANDWIDTH}
    for case, offset, scale in (
        ("two Gaussians", np.asarray(OFFSET), SCALE),
        ("one Gaussian twice", np.zeros(4), 1.0),
    ):
        model = IndependentGaussian((4,))
        scales = torch.full((4,), scale, dtype=torch.float64)
        model.put(mean=torch.as_tensor(offset), scale=scales)
        estimates = run_evaluator(model, "mmd2", x, options)
        stderr = estimates.rows["mmd2"].stderr
        yield CalibrationCheck("mmd2", case, _mmd2(offset, scale), estimates.number, stderr)


def _mmd2(offset: Array, scale: float) -> float:
    """Return the squared discrepancy of N(0, I) and N(offset, scale^2 I)."""
    widths, none = [BANDWIDTH * w for w in WIDTHS], np.zeros_like(offset)
    same = exact.mean_kernel(none, 2.0, widths) + exact.mean_kernel(none, 2 * scale**2, widths)
    return same - 2 * exact.mean_kernel(offset, 1 + scale**2, widths)
