"""Priors of latents in bins: N(0, I), mixtures of diagonal Gaussians, and layers of Gaussians."""

from typing import Protocol

import numpy as np
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

from genbench.certify.coding.chained import LayeredPrior, Layers
from genbench.certify.coding.latents import EqualPlaces, Gaussian, Latent, MixturePlaces, Places
from genbench.core.estimate import NotApplicableError
from genbench.core.statistics import Vector
from genbench.core.tensors import innermost
from genbench.distributions.chain import Chain


class Prior(Latent, Protocol):
    """A prior, and the coordinates of its bins: z is shift + stretch times a value of the bins.

    ``order`` has the dimensions of z as they are coded, from the first to the last.
    """

    shift: Vector
    stretch: Vector
    order: list[int]


class StandardNormal:
    """N(0, I) over D dimensions: all bins are equally likely."""

    def __init__(self, n: int) -> None:
        self.shift, self.stretch, self.order = np.zeros(n), np.ones(n), list(range(n))

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
        self.weights, self.order = weights, list(range(len(self.shift)))
        self.loc, self.scale = (loc - self.shift) / self.stretch, scale / self.stretch

    def given(self, z: Vector) -> Places:
        """Return the places of the next dimension, given the values z of those before."""
        d = len(z)
        distance = (((z - self.loc[:, :d]) / self.scale[:, :d]) ** 2).sum(axis=1)
        logs = np.log(self.weights) - 0.5 * distance - np.log(self.scale[:, :d]).sum(axis=1)
        joint = np.exp(logs - logs.max())
        return MixturePlaces(joint / joint.sum(), self.loc[:, d], self.scale[:, d])


def binned(p: Distribution) -> Prior:
    """Return a prior in bins.

    Raises:
        NotApplicableError: It is neither N(0, I), nor a mixture of diagonal Gaussians, nor layers.
    """
    if isinstance(p, Chain):
        return LayeredPrior(p)
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


def posterior_in_bins(q: Distribution, prior: Prior) -> Latent:
    """Return q(z given x) of one datum in the bins of the prior.

    Raises:
        NotApplicableError: It is no Gaussian, and no layers of them.
    """
    if isinstance(q, Chain):
        return Layers(q, prior.shift, prior.stretch, Gaussian)
    return Gaussian(q, prior.shift, prior.stretch)
