"""Bounds of squared distances by one float32 product, exact distances for what they leave open."""

from collections.abc import Iterator

import torch
from torch import Tensor

from genbench.core.tensors import joined
from genbench.samples.checks import require_sets

ROWS = 100
"""Queries in a block, at most."""
BLOCK = 1 << 23
"""Pairs of a query and a point in a block, at most."""
PAIRS = 1 << 14
"""Pairs whose distance is computed in float64 at a time."""
ON_DEVICE = 16
"""Factor on these sizes on an accelerator, where few large pieces are faster."""
LARGEST = 1e15
"""Features beyond so many scales are bounded in float64: their squares overflow in float32."""

Pairs = tuple[Tensor, Tensor]
"""Rows of queries and of points, (P,) and (P,)."""


class Screen:
    """Bounds of ‖x − y‖² for queries x (N, d) and points y (M, d), with few exact distances.

    With x and y centred on the mean of the points, the float32 value of ‖x‖² + ‖y‖² − 2x·y differs
    from ‖x − y‖² by less than s (‖x‖² + ‖y‖²), where s is d + 10 roundings of 2⁻²⁴, taken twice.
    So ‖x‖² + (1 + s) ‖y‖² − 2x·y + s ‖x‖² is an upper bound; a lower one is less by
    2s (‖x‖² + ‖y‖²).

    Points are in groups: point s · G + g is in group g of G. The last places of groups that are not
    full hold a point at an infinite distance.

    Args:
        queries: (N, d), float64.
        points: (M, d), float64.
        group: Points in each group.

    References:
        Higham 2002, Accuracy and Stability of Numerical Algorithms, equation 3.7.
    """

    def __init__(self, queries: Tensor, points: Tensor, group: int = 1) -> None:
        require_sets(queries, points, least=1)
        self.queries, self.points, self.group = queries, points, group
        self.n_groups = -(-len(points) // group)
        self.slack = (points.shape[1] + 10) * 2.0**-23
        centre = points.mean(dim=0)
        x, y = queries - centre, points - centre  # may be all training images
        self.scale = float(_norms(y).square().mean().sqrt()) or 1.0
        x, y = x.div_(self.scale), y.div_(self.scale)
        largest = max(float(torch.linalg.vector_norm(each, torch.inf)) for each in (x, y))
        dtype = torch.float32 if largest < LARGEST else torch.float64
        n = group * self.n_groups
        self.x, self.y = x.to(dtype), _filled(y, n, 0.0, dtype)
        self.x2, y2 = _norms(x).square().to(dtype), _norms(y).square().to(dtype)
        self.upper = _filled((1 + self.slack) * y2, n, torch.inf)
        self.gap = _filled(2 * self.slack * y2, n, 0.0)
        self._factor = 1 if queries.device.type == "cpu" else ON_DEVICE
        rows = min(self._factor * ROWS, len(queries), self._factor * BLOCK // len(points))
        self._rows = max(1, rows)
        self._bounds = self.x.new_empty(
            self._rows, len(self.y)
        )  # new memory for each block is slow

    def blocks(self) -> Iterator[Tensor]:
        """Return the rows of the queries of each block, in their order."""
        rows = torch.arange(len(self.queries), device=self.queries.device)
        yield from torch.split(rows, self._rows)

    def distances(self, pairs: Pairs) -> Tensor:
        """Return the distances of pairs, (P,), in float64: the same for (x, y) and (y, x)."""
        parts = zip(*(torch.split(rows, self._factor * PAIRS) for rows in pairs), strict=True)
        gaps = (self.queries[i] - self.points[j] for i, j in parts)
        return joined((gap.square_().sum(dim=1).sqrt_() for gap in gaps), len(pairs[0]))

    def _upper_bounds(self, rows: Tensor) -> Tensor:
        """Return (1 + s) ‖y‖² − 2x·y for the queries ``rows``, (B, group * G)."""
        into = self._bounds[: len(rows)]
        return torch.addmm(self.upper, self.x[rows], self.y.T, alpha=-2, out=into)

    def near(self, rows: Tensor, k: int) -> Pairs:
        """Return pairs of queries ``rows`` and points, among them the k nearest of each query.

        The k-th smallest of the groups' least upper bounds is at least the k-th smallest distance;
        points with a higher lower bound are out. ‖x‖² (1 + s) is the same for all points of a query
        and left out of both sides.
        """
        bounds = self._upper_bounds(rows)
        least = bounds.view(-1, self.group, self.n_groups).amin(dim=1)  # (B, G)
        kth = least.topk(k, largest=False).values[:, -1]
        limit = (kth + 2 * self.slack * self.x2[rows])[:, None]
        gaps = self.gap.view(self.group, self.n_groups).amax(dim=0)
        i, g = (least - gaps <= limit).nonzero(as_tuple=True)
        j = g[:, None] + self.n_groups * torch.arange(self.group, device=g.device)
        open_ = bounds[i[:, None], j] - self.gap[j] <= limit[i]
        return rows[i][:, None].expand_as(j)[open_], j[open_]

    def inside(self, rows: Tensor, radii: Tensor) -> Tensor:
        """Return whether queries ``rows`` are within ``radii`` (M,) of the points, (B, M)."""
        bounds = self._upper_bounds(rows)
        bounds += (1 + self.slack) * self.x2[rows][:, None]
        limit = (radii / self.scale).square().to(bounds.dtype)
        inside = bounds < limit
        possible = bounds <= limit + self.gap + 2 * self.slack * self.x2[rows].max()
        i, j = (possible ^ inside).nonzero(as_tuple=True)
        inside[i, j] = self.distances((rows[i], j)) <= radii[j]
        return inside


def _norms(rows: Tensor) -> Tensor:
    """Return ‖x‖ of each row, (N,)."""
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms


def _filled(values: Tensor, n: int, value: float, dtype: torch.dtype | None = None) -> Tensor:
    """Return a copy of ``values`` with n rows, those that are added of one value."""
    filled = values.new_full((n, *values.shape[1:]), value, dtype=dtype)
    filled[: len(values)] = values
    return filled
