"""Models with a closed density, against scipy and scikit-learn."""

from collections.abc import Iterator
from typing import get_args

import numpy as np
import torch
from scipy.stats import bernoulli, norm
from sklearn.mixture import GaussianMixture
from torch import Tensor

from genbench.models.densities import IndependentBernoulli, IndependentGaussian
from genbench.models.mixtures import Covariance, MixtureDensity
from genbench.selftest.check import Check, identity, measure, normal, numpy

NAME = "log_likelihood"
SHAPE = (1, 2, 3)
FLOOR = 1e-3


def _clusters(n: int) -> Tensor:
    """Draw data from three clusters that lie well apart."""
    centres = 4 * normal(3, *SHAPE, seed="centres")
    return centres[torch.arange(n) % 3] + 0.5 * normal(n, *SHAPE, seed="clusters")


def mixtures() -> Iterator[Check]:
    """The same fit by scikit-learn, with its own density."""
    x = _clusters(300)
    flat = numpy(x.flatten(1))
    for covariance in get_args(Covariance):
        model = MixtureDensity(3, SHAPE, covariance, floor=FLOOR)
        model.fit(x)
        peer = GaussianMixture(
            3, covariance_type=covariance, reg_covar=FLOOR, max_iter=200, random_state=0
        )
        log_px = np.asarray(peer.fit(flat).score_samples(flat), dtype=np.float64)
        values = measure(model, NAME, x).values
        yield identity(NAME, f"Gaussian mixture, {covariance} covariance", log_px, values)


def independent_pixels() -> Iterator[Check]:
    """Products over pixels of scipy's own laws."""
    x = _clusters(300)
    flat, grey = numpy(x.flatten(1)), IndependentGaussian(SHAPE)
    grey.fit(x)
    log_px = norm(flat.mean(axis=0), flat.std(axis=0)).logpdf(flat).sum(axis=1)
    yield identity(NAME, "independent pixels, Gaussian", log_px, measure(grey, NAME, x).values)
    binary, mass = (x > 1).double(), IndependentBernoulli(SHAPE)
    mass.fit(binary)
    ones = numpy(binary.flatten(1))
    p = (ones.sum(axis=0) + 1) / (len(ones) + 2)
    log_px = bernoulli(p).logpmf(ones.astype(int)).sum(axis=1)
    yield identity(
        NAME, "independent pixels, Bernoulli", log_px, measure(mass, NAME, binary).values
    )
