"""Layers of latents in bins, each under a diagonal Gaussian given the layer before.

The posterior begins with the lowest layer, the prior with the one on top, so they code the
dimensions in different orders.

References:
    Townsend, Bird, Kunze, Barber 2020, for bits back with several layers of latents.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Size
from torch.distributions import Distribution

from genbench.certify.coding.latents import EqualPlaces, Latent, MixturePlaces, Places
from genbench.core.seeding import seeded
from genbench.core.statistics import Vector
from genbench.core.tensors import innermost
from genbench.distributions.chain import Chain

InBins = Callable[[Distribution, Vector, Vector], Latent]
N_DRAWS = 1_000
"""From the prior, for the coordinates of the bins; sender and receiver draw the same."""


class Layers:
    """A chain of Gaussians, one dimension after the other, in the order of the chain.

    Args:
        p: Each vector is a diagonal Gaussian given the one before.
        shift: Of the coordinates in which the bins are those of N(0, 1), in the order of z.
        stretch: Their scale.
        in_bins: From one vector's distribution, shift and stretch to that distribution in bins.
    """

    def __init__(self, p: Chain, shift: Vector, stretch: Vector, in_bins: InBins) -> None:
        self.chain, self.order = p, order_of(p)
        ends = list(accumulate(p.sizes))
        self._parts = [slice(end - n, end) for end, n in zip(ends, p.sizes, strict=True)]
        self._shift, self._stretch = shift[self.order], stretch[self.order]
        self._place = -1
        self._layer: Any = None
        self._in_bins = in_bins

    def given(self, z: Vector) -> Places:
        """Return the places of the next dimension, given the values z of those before."""
        place = next(i for i, part in enumerate(self._parts) if len(z) < part.stop)
        if place != self._place:
            self._place, self._layer = place, self._made(place, z)
        found: Places = self._layer.given(z[self._parts[place].start :])
        return found

    def _made(self, place: int, z: Vector) -> Latent:
        if place == 0:
            p = self.chain.first
        else:
            before = self._parts[place - 1]
            values = self._shift[before] + self._stretch[before] * z[before]
            p = self.chain.links[place - 1](torch.from_numpy(values).unsqueeze(0))
        part = self._parts[place]
        return self._in_bins(p, self._shift[part], self._stretch[part])


class LayeredPrior(Layers):
    """p(z): N(0, I) on top, and bins for Gaussians of the mean and scale of draws below it."""

    def __init__(self, p: Chain) -> None:
        with seeded(0, "certify", "layers"):
            z = p.sample(Size((N_DRAWS,))).double().numpy()
        self.shift, self.stretch = z.mean(axis=0), z.std(axis=0)
        top = order_of(p)[: p.sizes[0]]
        self.shift[top], self.stretch[top] = 0.0, 1.0
        super().__init__(p, self.shift, self.stretch, Diagonal)


class Diagonal:
    """N(loc, diag scale^2) in bins, each of which owns at least one number."""

    def __init__(self, p: Distribution, shift: Vector, stretch: Vector) -> None:
        normal: Any = innermost(p)
        self._loc = (normal.loc.double().reshape(-1).numpy() - shift) / stretch
        self._scale = normal.scale.double().reshape(-1).numpy() / stretch

    def given(self, z: Vector) -> Places:
        """Return the places of the next dimension."""
        loc, scale = float(self._loc[len(z)]), float(self._scale[len(z)])
        if (loc, scale) == (0, 1):
            return EqualPlaces()
        return MixturePlaces(np.ones(1), np.array([loc]), np.array([scale]))


def order_of(p: Chain) -> list[int]:
    """Return the places in z of the numbers of a chain, in its order."""
    order: list[int] = []
    for n, end in zip(p.sizes, accumulate(p.sizes), strict=True):
        start = sum(p.sizes) - end if p.backwards else end - n
        order += range(start, start + n)
    return order
