"""Priors of latents in bins: N(0, I), and mixtures of diagonal Gaussians."""

import math
from typing import Protocol

import numpy as np
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from genbench.certify.coding.latents import (
    N_BINS,
    EqualPlaces,
    Latent,
    Places,
    below,
)
from genbench.certify.coding.rans import TOTAL
from genbench.core.estimate import NotApplicableError
from genbench.core.statistics import Vector
from genbench.core.tensors import innermost


class Prior(Latent, Protocol):
    """A prior, and the coordinates of its bins: z is shift + stretch times a value of the bins."""

    shift: Vector
    stretch: Vector


class StandardNormal:
    """N(0, I) over D dimensions: all bins are equally likely."""

    def __init__(self, n: int) -> None:
        self.shift, self.stretch = np.zeros(n), np.ones(n)

    def given(self, z: Vector) -> Places:
        """Return the places of the next dimension."""
        return EqualPlaces()


class Mixture:
    """sum_k w_k N(m_k, diag s_k^2), with bins for a Gaussian of the same mean and scale.

    Args:
        weights: (K,).
        loc: (K, D).
        scale: (K, D).
    """

    def __init__(self, weights: Vector, loc: Vector, scale: Vector) -> None:
        self.shift = (weights[:, None] * loc).sum(axis=0)
        moments = scale**2 + (loc - self.shift) ** 2
        self.stretch = np.sqrt((weights[:, None] * moments).sum(axis=0))
        self.weights = weights
        self.loc, self.scale = (loc - self.shift) / self.stretch, scale / self.stretch

    def given(self, z: Vector) -> Places:
        """Return the places of the next dimension, given the values z of those before."""
        d = len(z)
        distance = (((z - self.loc[:, :d]) / self.scale[:, :d]) ** 2).sum(axis=1)
        logs = np.log(self.weights) - 0.5 * distance - np.log(self.scale[:, :d]).sum(axis=1)
        joint = np.exp(logs - logs.max())
        return MixturePlaces(joint / joint.sum(), self.loc[:, d], self.scale[:, d])


class MixturePlaces(Places):
    """Places under a mixture of Gaussians; each bin owns at least one number."""

    def __init__(self, weights: Vector, loc: Vector, scale: Vector) -> None:
        self._parts = list(zip(weights.tolist(), loc.tolist(), scale.tolist(), strict=True))

    def __getitem__(self, k: int) -> int:
        if k in (0, N_BINS):
            return k // N_BINS * TOTAL
        mass = math.fsum(w * below(k, loc, scale) for w, loc, scale in self._parts)
        return math.floor((TOTAL - N_BINS) * min(mass, 1.0)) + k


def binned(p: Distribution) -> Prior:
    """Return a prior in bins.

    Raises:
        NotApplicableError: It is neither N(0, I) nor a mixture of diagonal Gaussians.
    """
    normal = innermost(p)
    if isinstance(normal, Normal) and bool((normal.loc == 0).all() & (normal.scale == 1).all()):
        return StandardNormal(p.event_shape.numel())
    if isinstance(p, MixtureSameFamily) and _is_diagonal(p.component_distribution):
        parts = innermost(p.component_distribution)
        weights, loc, scale = p.mixture_distribution.probs, parts.loc, parts.scale  # type: ignore[attr-defined]
        return Mixture(*(tensor.double().numpy() for tensor in (weights, loc, scale)))
    raise NotApplicableError(f"its prior is a {type(normal).__name__}: its latents are not coded")


def _is_diagonal(p: Distribution) -> bool:
    return isinstance(p, Independent) and isinstance(innermost(p), Normal)
