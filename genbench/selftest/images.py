"""Evaluators of generated images, where the samples or their law are known."""

from collections.abc import Iterator

import numpy as np
import torch

from genbench.models.densities import IndependentGaussian
from genbench.selftest import exact
from genbench.selftest.check import Array, Check, identity, measure, normal, numpy
from genbench.selftest.models import Table

N_SAMPLES = 1000
WU_GRID = [(10 + i) / 100 for i in range(21)]
WIDTHS = [0.25, 0.5, 1.0, 2.0, 4.0]
BANDWIDTH = 1.5
OFFSET = (1.0, -0.6, 0.0, 0.3)
SCALE = 1.4


def parzen() -> Iterator[Check]:
    """The window over samples that are a known table, by brute force."""
    name = "parzen_log_likelihood"
    samples, x, held_out = (0.3 * normal(n, 4, seed=f"parzen {n}") for n in (N_SAMPLES, 200, 150))
    table, model = numpy(samples), Table(samples)
    options = {"n_samples": N_SAMPLES}
    values = measure(model, name, x, options | {"scale": 0.2}).values
    log_px = exact.parzen_log_density(numpy(x), table, 0.2)
    yield identity(name, "known samples, scale 0.2", log_px, values)
    held = [exact.parzen_log_density(numpy(held_out), table, s).mean() for s in WU_GRID]
    scale = WU_GRID[int(np.argmax(held))]
    log_px = exact.parzen_log_density(numpy(x), table, scale)
    values = measure(model, name, x, options, validation=held_out).values
    yield identity(name, f"known samples, scale {scale:g} by validation", log_px, values)


def maximum_mean_discrepancy() -> Iterator[Check]:
    """Two Gaussians: the mean of a Gaussian kernel has a closed form."""
    x = normal(1000, 4, seed="mmd")
    options = {"n_compared": len(x), "bandwidth": BANDWIDTH}
    for case, offset, scale in (
        ("two Gaussians", np.asarray(OFFSET), SCALE),
        ("one Gaussian twice", np.zeros(4), 1.0),
    ):
        model = IndependentGaussian((4,))
        scales = torch.full((4,), scale, dtype=torch.float64)
        model.put(mean=torch.as_tensor(offset), scale=scales)
        found = measure(model, "mmd2", x, options)
        stderr = found.rows["mmd2"].stderr
        yield Check("mmd2", case, _mmd2(offset, scale), found.value, stderr)


def _mmd2(offset: Array, scale: float) -> float:
    """Return the squared discrepancy of N(0, I) and N(offset, scale^2 I)."""
    widths, none = [BANDWIDTH * w for w in WIDTHS], np.zeros_like(offset)
    same = exact.mean_kernel(none, 2.0, widths) + exact.mean_kernel(none, 2 * scale**2, widths)
    return same - 2 * exact.mean_kernel(offset, 1 + scale**2, widths)
