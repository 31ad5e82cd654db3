"""Models with a closed density, against scipy and scikit-learn."""

from collections.abc import Iterator
from typing import get_args

import numpy as np
import torch
from scipy.stats import bernoulli, multinomial, norm
from sklearn.mixture import GaussianMixture
from torch import Tensor

from genbench.models.densities import (
    IndependentBernoulli,
    IndependentCategorical,
    IndependentGaussian,
)
from genbench.models.mixtures import Covariance, MixtureDensity
from genbench.selftest.check import CalibrationCheck, as_array, run_evaluator, standard_normal

LOG_PX = "log_likelihood"
SHAPE = (1, 2, 3)
FLOOR = 1e-3


def _clusters(n: int) -> Tensor:
    """Draw data from three well-separated clusters."""
    centres = 4 * standard_normal(3, *SHAPE, seed="centres")
    return centres[torch.arange(n) % 3] + 0.5 * standard_normal(n, *SHAPE, seed="clusters")


def mixtures() -> Iterator[CalibrationCheck]:
    """The same fit by scikit-learn, with its own density."""
    x = _clusters(300)
    flat = as_array(x.flatten(1))
    for covariance in get_args(Covariance):
        model = MixtureDensity(3, SHAPE, covariance, floor=FLOOR)
        model.fit(x)
        peer = GaussianMixture(
            3, covariance_type=covariance, reg_covar=FLOOR, max_iter=200, random_state=0
        )
        log_px = np.asarray(peer.fit(flat).score_samples(flat), dtype=np.float64)
        case = f"Gaussian mixture, {covariance} covariance"
        yield run_evaluator(model, LOG_PX, x).identity(case, log_px)


def independent_pixels() -> Iterator[CalibrationCheck]:
    """Products over pixels of scipy's densities."""
    x = _clusters(300)
    flat, grey = as_array(x.flatten(1)), IndependentGaussian(SHAPE)
    grey.fit(x)
    log_px = norm(flat.mean(axis=0), flat.std(axis=0)).logpdf(flat).sum(axis=1)
    yield run_evaluator(grey, LOG_PX, x).identity("independent pixels, Gaussian", log_px)
    binary, black_and_white = (x > 1).double(), IndependentBernoulli(SHAPE)
    black_and_white.fit(binary)
    ones = as_array(binary.flatten(1))
    p = (ones.sum(axis=0) + 1) / (len(ones) + 2)
    log_px = bernoulli(p).logpmf(ones.astype(int)).sum(axis=1)
    estimates = run_evaluator(black_and_white, LOG_PX, binary)
    yield estimates.identity("independent pixels, Bernoulli", log_px)
    levels = x.clamp(-1, 1).round().add(1)  # 0, 1, 2
    categorical = IndependentCategorical(SHAPE, n_levels=3)
    categorical.fit(levels / 2)
    flat = as_array(levels.flatten(1)).astype(int)
    counts = [np.bincount(pixel, minlength=3) + 1 for pixel in flat.T]
    pixels = zip(counts, flat.T, strict=True)
    log_px = sum(multinomial(1, c / c.sum()).logpmf(np.eye(3)[k]) for c, k in pixels)
    estimates = run_evaluator(categorical, LOG_PX, levels / 2)
    yield estimates.identity("independent pixels, categorical", log_px)
