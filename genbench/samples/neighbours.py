"""The nearest points of queries, and the points in balls, without an N × M matrix in memory.

Results are those of float64: equal points are at distance exactly 0, and nothing depends on how
many queries are looked at together.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genbench.core.estimate import NotApplicableError, require_finite
from genbench.core.texts import noun
from genbench.samples.screening import Pairs, Screen

GROUP = 32
"""Points in a group of the screen, at most."""


@dataclass(frozen=True)
class Nearest:
    """The k nearest points of each query, the nearest first, equally near ones by their rows.

    Attributes:
        distances: Euclidean, (N, k), float64.
        rows: Of the points, (N, k).
    """

    distances: Tensor
    rows: Tensor


@dataclass(frozen=True)
class Occupancy:
    """How points and balls share each other; a ball holds its surface.

    Attributes:
        balls: Number of balls that hold each point, (N,).
        points: Number of points that each ball holds, (M,).
    """

    balls: Tensor
    points: Tensor


def nearest(queries: Tensor, points: Tensor, k: int, *, own: Tensor | None = None) -> Nearest:
    """Return the k nearest of ``points`` (M, d) to each of ``queries`` (N, d).

    Args:
        queries: (N, d).
        points: (M, d).
        k: Number of neighbours.
        own: Row of each query among the points, (N,), if the queries are points: none is a
            neighbour of itself. Another point that equals it is, at distance 0.

    Raises:
        NonFiniteError: A feature is infinite or NaN.
        NotApplicableError: There are fewer than k neighbours.
    """
    wanted = k + (own is not None)
    if len(points) < wanted:
        what = f"{k} {noun(k, 'neighbour')}"
        raise NotApplicableError(f"needs {wanted} images (for {what}), found {len(points)}")
    distinct, which = torch.unique(queries.double(), dim=0, return_inverse=True)
    group = min(GROUP, max(1, len(points) // (8 * wanted)))
    screen = Screen(distinct, points.double(), group)
    distances = distinct.new_empty(len(distinct), wanted)
    rows = torch.empty_like(distances, dtype=torch.int64)
    for block in screen.blocks():
        distances[block], rows[block] = _least(screen, screen.near(block, wanted), wanted)
    distances, rows = distances[which], rows[which]
    return Nearest(distances, rows) if own is None else _without(own, distances, rows)


def _least(screen: Screen, pairs: Pairs, k: int) -> tuple[Tensor, Tensor]:
    """Return the k least distances of each query and the rows of their points, both (B, k)."""
    i, j = pairs
    distances = screen.distances(pairs)
    order = torch.arange(len(i), device=i.device)
    for key in (j, distances, i):
        order = order[key[order].argsort(stable=True)]
    n_candidates = torch.unique(i, return_counts=True)[1]
    first = n_candidates.cumsum(dim=0) - n_candidates
    best = order[first[:, None] + torch.arange(k, device=i.device)]
    return distances[best], j[best]


def _without(own: Tensor, distances: Tensor, rows: Tensor) -> Nearest:
    """Take each query's own row out of its k + 1 nearest, or the last if it is not among them."""
    kept = rows != own[:, None]
    kept[:, -1] &= ~kept.all(dim=1)
    shape = (len(rows), rows.shape[1] - 1)
    return Nearest(distances[kept].reshape(shape), rows[kept].reshape(shape))


def occupancy(points: Tensor, centres: Tensor, radii: Tensor) -> Occupancy:
    """Count which balls around ``centres`` (M, d) hold which of ``points`` (N, d).

    Args:
        points: (N, d).
        centres: (M, d).
        radii: (M,); a point at exactly this distance, as :func:`nearest` computes it, is inside.

    Raises:
        NonFiniteError: A feature or a radius is infinite or NaN.
    """
    require_finite(radii)
    screen = Screen(points.double(), centres.double())
    balls, held = (torch.zeros(len(x), dtype=torch.int64).to(x.device) for x in (points, centres))
    for rows in screen.blocks():
        inside = screen.inside(rows, radii)
        balls[rows] = inside.sum(dim=1)
        held += inside.sum(dim=0)
    return Occupancy(balls, held)


class OwnNeighbours:
    """Points, and the k nearest other points of each, which are found once, when needed.

    Args:
        points: (N, d).
        k: Number of neighbours.
    """

    def __init__(self, points: Tensor, k: int) -> None:
        self.points, self.k = points, k

    @cached_property
    def nearest(self) -> Nearest:
        """The nearest other points of each point."""
        own = torch.arange(len(self.points), device=self.points.device)
        return nearest(self.points, self.points, self.k, own=own)


class Neighbourhoods:
    """Samples among the images of a reference; each pass over them is made once, when needed.

    Args:
        samples: Features (N, d).
        reference: Features (M, d), or with the k + 1 neighbours of each that others have found.
        k: The farthest neighbour that a ball reaches; one more is kept of each reference image.
    """

    def __init__(self, samples: Tensor, reference: Tensor | OwnNeighbours, k: int = 5) -> None:
        if isinstance(reference, Tensor):
            reference = OwnNeighbours(reference, k + 1)
        self.samples, self.reference = samples, reference.points
        self._samples, self._reference = OwnNeighbours(samples, k), reference
        self._occupied: dict[int, Occupancy] = {}

    @property
    def of_samples(self) -> Nearest:
        """The nearest other samples of each sample."""
        return self._samples.nearest

    @property
    def of_reference(self) -> Nearest:
        """The nearest other reference images of each reference image."""
        return self._reference.nearest

    def samples_in_balls(self, k: int) -> Occupancy:
        """Count samples in balls around reference images as far as their k-th neighbour."""
        if k not in self._occupied:
            radii = self.of_reference.distances[:, k - 1]
            self._occupied[k] = occupancy(self.samples, self.reference, radii)
        return self._occupied[k]

    def reference_in_balls(self, k: int) -> Occupancy:
        """Count reference images in balls around samples as far as their k-th neighbour."""
        return occupancy(self.reference, self.samples, self.of_samples.distances[:, k - 1])
