"""Small operations on tensors and distributions that every layer needs."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Cauchy, Distribution, HalfCauchy, Independent, Normal

from genbench.core.estimate import NotApplicableError

_ROWS = 1_000


def as_event(distribution: Distribution, batch_ndim: int) -> Distribution:
    """Treat every batch dimension after the first ``batch_ndim`` as part of the event.

    ``Normal(loc (B, D), scale)`` becomes a distribution with batch (B,) and event (D,), whose log
    probability is the joint density of the whole vector.
    """
    extra = len(distribution.batch_shape) - batch_ndim
    return Independent(distribution, extra, validate_args=False) if extra > 0 else distribution


def independent_normal(loc: Tensor, scale: Tensor, event_ndim: int = 1) -> Distribution:
    """Return N(loc, diag scale^2) over the last ``event_ndim`` dimensions, without validation."""
    normal = Normal(loc, scale, validate_args=False)
    return Independent(normal, event_ndim, validate_args=False)


def support_of(distribution: Distribution) -> Any:
    """Return the support of ``distribution``, or None if it defines none."""
    try:
        return distribution.support
    except NotImplementedError:
        return None


def innermost(distribution: Distribution) -> Distribution:
    """Return the distribution of single numbers inside ``Independent``."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def mean_of(distribution: Distribution) -> Tensor:
    """Return the mean.

    Raises:
        NotApplicableError: It has none, such as a distribution over categories, or states none.
    """
    family = innermost(distribution)
    if isinstance(family, Categorical | Cauchy | HalfCauchy):
        raise NotApplicableError(f"a {type(family).__name__} has no mean")
    try:
        return distribution.mean
    except NotImplementedError as error:
        raise NotApplicableError(f"a {type(family).__name__} states no mean") from error


def stddev_of(distribution: Distribution) -> Tensor:
    """Return the standard deviation.

    Raises:
        NotApplicableError: It states none.
    """
    try:
        return distribution.stddev
    except NotImplementedError as error:
        name = type(innermost(distribution)).__name__
        raise NotApplicableError(f"a {name} states no standard deviation") from error


def float_dtype(model: object, default: torch.dtype) -> torch.dtype:
    """Return the floating dtype of a module's weights, or ``default`` if it has none."""
    return next((t.dtype for t in _tensors_of(model) if t.is_floating_point()), default)


def device_of(model: object, default: torch.device) -> torch.device:
    """Return the device of a module's weights, or ``default`` if it has none."""
    return next((t.device for t in _tensors_of(model)), default)


def _tensors_of(model: object) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()] if isinstance(model, nn.Module) else []


def count_parameters(model: nn.Module) -> int:
    """Count the learned numbers of a model: parameters, or buffers of a closed-form fit."""
    trained = sum(p.numel() for p in model.parameters())
    return trained or sum(b.numel() for b in model.buffers())


def sum_in_float64(x: Tensor) -> Tensor:
    """Return the sum over the first dimension in float64, without all of ``x`` in that type."""
    parts = torch.split(x, _ROWS)
    return joined((part.sum(0, True, dtype=torch.float64) for part in parts), len(parts)).sum(dim=0)


class Rows:
    """Rows (N, ...) that arrive in pieces (n, ...), in one tensor from the first piece on.

    A small piece that is kept beside the large tensors it was computed from splits the memory that
    these free, and the next large tensor needs new memory: with a list of pieces a process grows.

    Args:
        first: The first piece, which is not yet added.
        n: How many rows there will be at most; more are left out.
    """

    def __init__(self, first: Tensor, n: int) -> None:
        self._all, self._n = first.new_empty((n, *first.shape[1:])), 0

    def add(self, piece: Tensor) -> None:
        """Add the next rows; all have the widest type that a piece has.

        Raises:
            ValueError: Rows of other pieces have another shape.
        """
        if piece.shape[1:] != self._all.shape[1:]:
            one, other = (list(each.shape[1:]) for each in (self._all, piece))
            raise ValueError(f"rows have the shape {one} in one piece and {other} in another")
        self._all = self._all.to(torch.promote_types(self._all.dtype, piece.dtype))
        rest = self._all[self._n :]
        piece = piece.detach()[: len(rest)]
        rest[: len(piece)] = piece
        self._n += len(piece)

    @property
    def so_far(self) -> Tensor:
        """The rows that were added."""
        return self._all[: self._n]


def joined(pieces: Iterable[Tensor], n: int) -> Tensor:
    """Return pieces one after the other, (n, ...), without gradients.

    None is kept longer than until the next is computed; see :class:`Rows`.

    Args:
        pieces: Each of some rows (m, ...), at least one piece.
        n: Their rows in total.
    """
    rows: Rows | None = None
    for piece in pieces:
        rows = rows or Rows(piece, n)
        rows.add(piece)
    if rows is None:
        raise ValueError("there are no pieces")
    return rows.so_far
