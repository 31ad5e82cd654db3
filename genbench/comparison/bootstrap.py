"""Bootstrap replicates of seed means over data and seeds, from addressed random numbers."""

from collections.abc import Mapping

import numpy as np

from genbench.core.addressed import numpy_generator
from genbench.core.statistics import Seeds, Vector

N_REPLICATES = 2000
_SEED = 0
_AT_ONCE = 250


def replicates(contestants: Mapping[str, Seeds]) -> dict[str, Vector]:
    """Bootstrap seed means over data and seeds.

    Each replicate draws n data with replacement, the same for all contestants, then seeds with
    replacement for each separately. The draws depend only on n and the contestant's name, so a
    contestant's numbers do not depend on the others.

    Args:
        contestants: Per-datum values by seed; all over the same data.

    Returns:
        Seed means (B, S) by contestant.
    """
    stacked = [np.stack(list(seeds.values())) for seeds in contestants.values()]  # (S, n) each
    means = _over_data(np.concatenate(stacked))  # (B, all seeds)
    ends = np.cumsum([len(values) for values in stacked])
    parts = np.split(means, ends[:-1], axis=1)
    return {k: _over_seeds(k, part) for k, part in zip(contestants, parts, strict=True)}


def normal_replicates(name: str, value: float, stderr: float) -> Vector:
    """Draw a number of one seed anew from its standard error, (B, 1), by the contestant's name."""
    generator = numpy_generator(_SEED, "compare", "own error", name)
    return value + stderr * generator.standard_normal((N_REPLICATES, 1))


def _over_data(values: Vector) -> Vector:
    """Means of resampled data: (rows, n) -> (B, rows)."""
    n = values.shape[1]
    generator = numpy_generator(_SEED, "compare", "data", n)
    centre = values.mean(axis=1)
    pieces = []
    for start in range(0, N_REPLICATES, _AT_ONCE):
        draws = generator.integers(n, size=(min(_AT_ONCE, N_REPLICATES - start), n))
        counts = np.stack([np.bincount(row, minlength=n) for row in draws])
        pieces.append(centre + counts @ (values - centre[:, None]).T / n)
    return np.concatenate(pieces)


def _over_seeds(name: str, means: Vector) -> Vector:
    n_seeds = means.shape[1]
    generator = numpy_generator(_SEED, "compare", "seeds", name, n_seeds)
    drawn: Vector = np.take_along_axis(means, generator.integers(n_seeds, size=means.shape), axis=1)
    return drawn


def rank_replicates(scores: Vector) -> Vector:
    """Ranks in each replicate, 1 for the largest score; equal scores share their mean rank.

    Args:
        scores: (contestants, B).

    Returns:
        Ranks (contestants, B).

    Example:
        >>> rank_replicates(np.array([[3.0], [1.0], [3.0]])).ravel().tolist()
        [1.5, 3.0, 1.5]
    """
    ranks: Vector = np.stack([_ranks(replicate) for replicate in -scores.T], axis=1)
    return ranks


def _ranks(values: Vector) -> Vector:
    ordered = np.sort(values)
    first, last = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return np.asarray(0.5 * (first + last + 1), dtype=np.float64)
