"""Probabilities of grey levels as whole numbers, and images coded by them."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Distribution, constraints

from genbench.certify.coding.rans import TOTAL, Stack
from genbench.core.errors import RunsFailedError
from genbench.core.estimate import NotApplicableError
from genbench.core.tensors import innermost, support_of
from genbench.distributions.completion import Completion
from genbench.distributions.discretised import GreyLevels

Masses = NDArray[np.float64]
Bounds = NDArray[np.int64]


def pixels_of(p: Distribution) -> Distribution:
    """Return the distribution of the single pixels that p is a mass of."""
    return innermost(p.hidden if isinstance(p, Completion) else p)


def n_levels_of(p: Distribution) -> int:
    """Return how many values a pixel can take.

    Raises:
        NotApplicableError: p is a density, which no file can have the length of.
    """
    support = support_of(pixels_of(p))
    if support is constraints.boolean:
        return 2
    if isinstance(support, GreyLevels):
        return support.n_levels
    raise NotApplicableError("a density of pixels, not a mass: no file has its length")


def masses_of(p: Distribution, n_levels: int) -> Masses:
    """Return the mass of each level of each pixel under p, (..., n_pixels, n_levels).

    The leading dimensions are the batch of p.
    """
    pixels = pixels_of(p)
    shape = pixels.batch_shape
    grey = torch.arange(n_levels, dtype=torch.float64) / (n_levels - 1)
    logs = pixels.log_prob(grey.reshape(-1, *[1] * len(shape)).expand(n_levels, *shape))
    n_batch = len(p.batch_shape)
    by_level: Tensor = logs.double().exp().flatten(1 + n_batch)
    return np.ascontiguousarray(by_level.movedim(0, -1).numpy())


def whole(masses: Masses) -> Bounds:
    """Return where the numbers of each level begin, and 2^24 at the end, (..., n_levels + 1).

    Each level owns at least one number, so that no image is impossible to code; the masses of a
    pixel are divided by their sum.

    Raises:
        RunsFailedError: Masses are negative, or not finite, or all zero.

    Example:
        >>> whole(np.array([[0.25, 0.75]])).tolist()
        [[0, 4194304, 16777216]]
    """
    n_levels = masses.shape[-1]
    sums = masses.cumsum(axis=-1)
    total = sums[..., -1:]
    if not (np.isfinite(total).all() and (total > 0).all() and (masses >= 0).all()):
        raise RunsFailedError("the model states masses of pixels that are no probabilities")
    bounds = np.zeros((*masses.shape[:-1], n_levels + 1), dtype=np.int64)
    shares = np.floor(sums / total * (TOTAL - n_levels)).astype(np.int64)
    bounds[..., 1:] = shares + np.arange(1, n_levels + 1)
    return bounds


def push_pixels(stack: Stack, bounds: Bounds, levels: NDArray[np.int64]) -> None:
    """Code the level of each pixel, (n_pixels,), the last pixel first."""
    index = levels[:, None]
    starts = np.take_along_axis(bounds, index, axis=1)[:, 0].tolist()
    ends = np.take_along_axis(bounds, index + 1, axis=1)[:, 0].tolist()
    for start, end in zip(reversed(starts), reversed(ends), strict=True):
        stack.push(start, end - start)


def pop_pixels(stack: Stack, bounds: Bounds) -> NDArray[np.int64]:
    """Take the level of each pixel from the stack, (n_pixels,)."""
    return np.array([pop_level(stack, row) for row in bounds.tolist()], dtype=np.int64)


def pop_level(stack: Stack, bounds: Sequence[int]) -> int:
    """Take one level from the stack, given where the numbers of each level begin."""
    level = bisect_right(bounds, stack.peek()) - 1
    stack.drop(bounds[level], bounds[level + 1] - bounds[level])
    return level
