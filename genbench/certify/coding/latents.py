"""A Gaussian latent in bins: equally likely under the prior N(0, 1), and of some mass under q.

The sender takes the index of a bin from the stack by q(z given x) and codes it by the prior; the
receiver does the inverse. That costs log q(z given x) - log p(z), on average the KL divergence. The
bins are so narrow that little else is lost: with a scale of 0.1, within 3 standard deviations of
the prior, 0.002 bits a dimension.

References:
    Townsend, Bird, Barber 2019, sections 2.5 and 2.6.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from torch.distributions import Distribution, MultivariateNormal, Normal

from genbench.certify.coding.rans import PRECISION, TOTAL, Stack
from genbench.core.errors import StorageError
from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import derive
from genbench.core.tensors import innermost

BIN_BITS = 14
N_BINS = 1 << BIN_BITS
_BIN_WIDTH = 1 << (PRECISION - BIN_BITS)
Vector = NDArray[np.float64]


@cache
def edges() -> list[float]:
    """Return where the bins begin, and infinity at the end."""
    return _quantiles(np.arange(N_BINS + 1) / N_BINS)


@cache
def centres() -> list[float]:
    """Return the median of the prior in each bin."""
    return _quantiles((np.arange(N_BINS) + 0.5) / N_BINS)


def _quantiles(shares: Vector) -> list[float]:
    from scipy.special import ndtri

    found: list[float] = ndtri(shares).tolist()
    return found


def is_standard_normal(p: Distribution) -> bool:
    """Return whether p is N(0, I) over D dimensions."""
    normal = innermost(p)
    return isinstance(normal, Normal) and bool((normal.loc == 0).all() & (normal.scale == 1).all())


class Gaussian:
    """q(z given x) = N(loc, L L^T), one dimension after the other, each given those before.

    Args:
        q: A diagonal Gaussian, or one with a factor L; of one datum.

    Raises:
        NotApplicableError: q is no Gaussian.
    """

    def __init__(self, q: Distribution) -> None:
        normal = innermost(q)
        if isinstance(normal, Normal):
            loc, factor = normal.loc, normal.scale.diag_embed()
        elif isinstance(normal, MultivariateNormal):
            loc, factor = normal.loc, normal.scale_tril
        else:
            raise NotApplicableError(f"its posterior is a {type(normal).__name__}, no Gaussian")
        self.loc: Vector = loc.double().reshape(-1).numpy()
        self.factor: Vector = factor.double().reshape(len(self.loc), -1).numpy()

    def pop(self, stack: Stack, turns: Sequence[int]) -> list[int]:
        """Take the bin of each dimension from the stack: a draw from q if turns are random."""
        bins: list[int] = []
        noise = np.zeros_like(self.loc)
        for d, turn in enumerate(turns):
            loc, scale = self._given(d, noise)
            k = bisect_right(_Places(loc, scale), stack.peek(turn)) - 1
            stack.drop(*_interval(k, loc, scale), turn)
            noise[d] = (centres()[k] - loc) / scale
            bins.append(k)
        return bins

    def push(self, stack: Stack, turns: Sequence[int], bins: Sequence[int]) -> None:
        """Code the bin of each dimension: the inverse of :meth:`pop`.

        Raises:
            StorageError: No draw from q has these bins.
        """
        noise = np.zeros_like(self.loc)
        intervals = []
        for d, k in enumerate(bins):
            loc, scale = self._given(d, noise)
            noise[d] = (centres()[k] - loc) / scale
            intervals.append(_interval(k, loc, scale))
        for (start, width), turn in zip(reversed(intervals), reversed(turns), strict=True):
            if width < 1:
                raise StorageError("the code holds a latent that the model would not draw")
            stack.push(start, width, turn)

    def _given(self, d: int, noise: Vector) -> tuple[float, float]:
        """Return location and scale of dimension d given the noise of those before."""
        row = self.factor[d]
        return float(self.loc[d] + (row[:d] * noise[:d]).sum()), float(row[d])


class _Places:
    """The numbers below 2^24 at which the bins begin under N(loc, scale^2), as a sequence."""

    def __init__(self, loc: float, scale: float) -> None:
        self.loc, self.scale = loc, scale

    def __len__(self) -> int:
        return N_BINS + 1

    def __getitem__(self, k: int) -> int:
        return _place(k, self.loc, self.scale)


def _place(k: int, loc: float, scale: float) -> int:
    z = (edges()[k] - loc) / scale
    return math.floor(TOTAL * (0.5 * math.erfc(-z / math.sqrt(2))))


def _interval(k: int, loc: float, scale: float) -> tuple[int, int]:
    start = _place(k, loc, scale)
    return start, _place(k + 1, loc, scale) - start


def turns_of(i: int, n: int) -> list[int]:
    """Return random numbers below 2^24 for the n dimensions of image i, always the same."""
    return [derive(0, "certify", "turn", i, d) % TOTAL for d in range(n)]


def push_prior(stack: Stack, bins: Sequence[int]) -> None:
    """Code the bin of each dimension by the prior, under which all are equally likely."""
    for k in reversed(bins):
        stack.push(k * _BIN_WIDTH, _BIN_WIDTH)


def pop_prior(stack: Stack, n: int) -> list[int]:
    """Take the bins of n dimensions from the stack, by the prior."""
    bins = []
    for _ in range(n):
        k = stack.peek() // _BIN_WIDTH
        stack.drop(k * _BIN_WIDTH, _BIN_WIDTH)
        bins.append(k)
    return bins
