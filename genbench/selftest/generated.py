"""Evaluators of generated images, in a space whose features are the pixels themselves.

The pixels of all images lie at ``CENTRE`` ± a few ``WIDTH``, inside [0, 1]; as features they are in
units of the width.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from scipy.stats import norm
from torch import Tensor

from genbench.models.densities import IndependentGaussian
from genbench.selftest.check import (
    ROUNDING,
    Array,
    CalibrationCheck,
    as_array,
    run_evaluator,
    standard_normal,
)
from genbench.selftest.models import FixedSamples

CENTRE, WIDTH = 0.5, 0.08
N, FEW, N_PIXELS = 4000, 1000, 4
OFFSET, SCALE = (1.0, -0.6, 0.0, 0.3), 1.4
"""Of the samples, in units of the width; the training images are standard normal."""


@dataclass(frozen=True)
class Pixels:
    """The space: pixels in units of the width, or as they are."""

    centre: float = CENTRE
    width: float = WIDTH
    name: str = "pixels"
    n_classes: int = N_PIXELS
    confusion: Tensor | None = None

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, d) of images (N, ...)."""
        return (images.flatten(1).double() - self.centre) / self.width

    def classes_of(self, features: Tensor) -> Tensor:
        """Return the brightest pixel as the class, (N,)."""
        return features.argmax(dim=1)


@dataclass(frozen=True)
class Known:
    """Training and held-out images as features."""

    training: Tensor
    held_out: Tensor
    space: Pixels = field(default_factory=Pixels)
    labels: Tensor | None = None


def _two(name: str, n: int, m: int) -> tuple[Tensor, Tensor]:
    """Return standard normal training and held-out images as features."""
    training, held_out = (
        standard_normal(size, N_PIXELS, seed=f"{name} {part}")
        for part, size in (("training", n), ("held out", m))
    )
    return training, held_out


def gaussians() -> Iterator[CalibrationCheck]:
    """Two Gaussians: their distances have closed forms."""
    known = Known(*_two("generated", N, N))
    model = IndependentGaussian((1, 1, N_PIXELS))
    model.put(mean=torch.tensor(OFFSET).double().reshape(1, 1, -1) * WIDTH + CENTRE,
              scale=torch.full((1, 1, N_PIXELS), SCALE * WIDTH, dtype=torch.float64))  # fmt: skip
    square, spread = float(np.square(OFFSET).sum()), N_PIXELS * (1 - SCALE) ** 2
    bias = (1 + SCALE**2) * (N_PIXELS / N + N_PIXELS * (N_PIXELS + 1) / (4 * N))
    case = "two Gaussians"
    yield _check(model, "fd", known, case, square + spread, bias)
    yield _check(model, "fd_infinity", known, case, square + spread, bias / 10)
    distance = math.sqrt((square + spread) / N_PIXELS)
    yield _check(model, "sliced_wasserstein", known, case, distance, 0.01 * distance)
    yield _check(model, "kid", known, case, _cubic_mmd())


def _cubic_mmd() -> float:
    """Return the squared MMD of N(0, I) and N(offset, scale² I) under (x·y / d + 1)³."""
    q, s = np.asarray(OFFSET), SCALE**2
    none = np.zeros_like(q)
    return _kernel(none, 1, none, 1) + _kernel(q, s, q, s) - 2 * _kernel(none, 1, q, s)


def _kernel(p: Array, s: float, q: Array, t: float) -> float:
    """Return E (x·y / d + 1)³ for x ∼ N(p, s I) and y ∼ N(q, t I), by the moments of x·y."""
    d, dot = len(p), float(p @ q)
    first, second = dot, dot**2 + t * float(p @ p) + s * float(q @ q) + s * t * d
    of_x, of_y = t * float(p @ p), s * float(q @ q)
    third = dot**3 + 3 * dot * (of_x + of_y + s * t * d) + 6 * s * t * dot
    return 1 + 3 * first / d + 3 * second / d**2 + third / d**3


def shifted() -> Iterator[CalibrationCheck]:
    """Two Gaussians of one covariance: no classifier is right more often than Φ(δ/2)."""
    known = Known(*_two("shifted", N, N))
    model, delta = IndependentGaussian((1, 1, N_PIXELS)), 2.0
    model.put(mean=torch.full((1, 1, N_PIXELS), CENTRE + WIDTH).double(),
              scale=torch.full((1, 1, N_PIXELS), WIDTH, dtype=torch.float64))  # fmt: skip
    exact = float(norm.cdf(delta / 2))
    yield _check(model, "c2st", known, "shifted Gaussian", exact, 0.01)


def neighbours() -> Iterator[CalibrationCheck]:
    """Shares of images in balls, from the matrix of all distances."""
    training = standard_normal(FEW, N_PIXELS, seed="neighbours")
    samples = 1.3 * standard_normal(FEW, N_PIXELS, seed="samples") + 0.5
    images = (samples * WIDTH + CENTRE).float()
    x, y = as_array(Pixels().features(images)), as_array(training)
    apart, of_x, of_y = cdist(x, y), _radii(x), _radii(y)
    inside = apart <= of_y[:, [4]].T
    nearest = apart.argmin(axis=1)
    expected = {
        "precision": (apart <= of_y[:, [2]].T).any(axis=1).mean(),
        "recall": (apart <= of_x[:, [2]]).any(axis=0).mean(),
        "density": inside.sum() / (5 * FEW),
        "coverage": inside.any(axis=0).mean(),
        "authenticity": (apart.min(axis=1) > of_y[nearest, 0]).mean(),
    }
    model = FixedSamples(images.reshape(-1, 1, 1, N_PIXELS))
    for name, share in expected.items():
        yield _identity(model, name, Known(training, training), "known samples", float(share))


def _radii(x: Array) -> Array:
    """Return the distances of each image to its others, the nearest first, (N, N - 1)."""
    return np.sort(cdist(x, x), axis=1)[:, 1:]


def memorisation() -> Iterator[CalibrationCheck]:
    """One cell: Mann and Whitney's test of the distances, from the matrix of all of them."""
    training, held_out = _two("copied", 150, 200)
    noise = standard_normal(FEW, N_PIXELS, seed="copies")
    copies = training[torch.arange(FEW) % len(training)] + 0.3 * noise
    images = (copies * WIDTH + CENTRE).float()
    near, far = (
        cdist(as_array(each), as_array(training)).min(axis=1)
        for each in (Pixels().features(images), held_out)
    )
    n, m = len(near), len(far)
    farther = (near[:, None] > far[None, :]).sum()
    z = (farther - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    model = FixedSamples(images.reshape(-1, 1, 1, N_PIXELS))
    known = Known(training, held_out)
    yield _identity(model, "memorisation_z", known, "near copies, one cell", float(z))


def pictures() -> Iterator[CalibrationCheck]:
    """One bright pixel in each image: directions at right angles, and a class for each pixel."""
    kinds = torch.eye(N_PIXELS).reshape(-1, 1, 1, N_PIXELS)
    known = Known(kinds.flatten(1).double(), kinds.flatten(1).double(), Pixels(0.0, 1.0))
    rare = torch.arange(FEW) % 2
    rare[:2] = 2  # less than one in a hundred
    evenly = FixedSamples(kinds.repeat(FEW // N_PIXELS, 1, 1, 1))
    yield _identity(evenly, "vendi", known, "orthogonal images", float(N_PIXELS))
    yield _identity(FixedSamples(kinds[rare]), "class_coverage", known, "two of four classes", 2.0)


def _check(
    model: Any, name: str, known: Known, case: str, exact: float, tolerance: float = 0.0, n: int = N
) -> CalibrationCheck:
    """Compare a number with its expectation, by its stated error."""
    found = run_evaluator(model, name, torch.zeros(n, 1, 1, N_PIXELS), reference=lambda _: known)
    stderr = found.rows[name].stderr
    return CalibrationCheck(name, case, exact, found.number, stderr, tolerance)


def _identity(model: Any, name: str, known: Known, case: str, exact: float) -> CalibrationCheck:
    """Compare a number with what it is by another way, up to rounding."""
    return replace(_check(model, name, known, case, exact, ROUNDING, FEW), stderr=None)
