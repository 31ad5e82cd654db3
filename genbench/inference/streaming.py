"""Reductions over rows that arrive in pieces, in fixed memory."""

import math

import torch
from torch import Tensor

NEGLIGIBLE = -80.0
"""Exponents this far below the largest are dropped: they add nothing, and underflow is slow."""


def log_mean_exp(values: Tensor) -> Tensor:
    """Return the log of the mean of the exponentials of ``values`` (k, B), (B,), in their dtype.

    Example:
        >>> log_mean_exp(torch.tensor([[0.0], [0.0]]))
        tensor([0.])
    """
    return torch.logsumexp(values, dim=0) - math.log(len(values))


class StreamingLogMeanExp:
    """log of a mean of exponentials over rows that arrive in pieces, in float64."""

    def __init__(self) -> None:
        self._log_sum: Tensor | None = None
        self.n = 0

    def add(self, values: Tensor) -> None:
        """Add ``values`` (k, B)."""
        piece = torch.logsumexp(values.double(), dim=0)
        self._log_sum = piece if self._log_sum is None else torch.logaddexp(self._log_sum, piece)
        self.n += len(values)

    def result(self) -> Tensor:
        """Return (B,), the log of the mean over all rows so far."""
        if self._log_sum is None:
            raise ValueError("no values were added")
        return self._log_sum - math.log(self.n)


class StreamingMoments:
    """Mean and variance over rows that arrive in pieces (Chan, Golub, LeVeque 1983)."""

    def __init__(self) -> None:
        self.n = 0
        self.mean: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def add(self, values: Tensor) -> None:
        """Add ``values`` (k, B)."""
        n = self.n + len(values)
        step = values.mean(dim=0) - self.mean
        within = (values - values.mean(dim=0)).square().sum(dim=0)
        self._squares = self._squares + within + step.square() * (self.n * len(values) / n)
        self.mean = self.mean + step * (len(values) / n)
        self.n = n

    def variance_of_mean(self) -> Tensor:
        """Return s^2 / n, (B,); NaN, which is unknown, with one row."""
        squares = torch.as_tensor(self._squares)
        return squares / ((self.n - 1) * self.n) if self.n > 1 else squares * torch.nan


class DoublingGroups:
    """Log-mean-exp of disjoint groups of 1, 2, 4, ... successive rows, and its moments."""

    def __init__(self) -> None:
        self._moments: list[StreamingMoments] = []
        self._waiting: list[Tensor] = []  # at most one row per level, (0 or 1, B)

    def add(self, rows: Tensor) -> None:
        """Add ``rows`` (k, B)."""
        level = 0
        while len(rows):
            if level == len(self._moments):
                self._moments.append(StreamingMoments())
                self._waiting.append(rows[:0])
            self._moments[level].add(rows - level * math.log(2))
            joined = torch.cat((self._waiting[level], rows))
            even = len(joined) // 2 * 2
            self._waiting[level] = joined[even:]
            rows = torch.logaddexp(joined[0:even:2], joined[1:even:2])
            level += 1

    def result(self) -> dict[int, Tensor]:
        """Return the average (B,) for each group size."""
        return {2**i: torch.as_tensor(each.mean) for i, each in enumerate(self._moments)}

    def variances(self) -> dict[int, Tensor]:
        """Return the variance (B,) of each average; NaN with one group."""
        return {2**i: each.variance_of_mean() for i, each in enumerate(self._moments)}
