"""Statistics of importance weights that arrive in pieces, in float64 and fixed memory."""

import math
from functools import cached_property

import torch
from torch import Tensor

from genbench.inference.jackknife import (
    InterleavedGroups,
    jackknife_variance,
    left_out,
    without_bias,
)
from genbench.inference.streaming import DoublingGroups, StreamingLogMeanExp
from genbench.inference.tail import MIN_TAIL, pareto_k_hat, tail_size

FLUSH = 256
"""Rows processed at once, whatever chunks they arrive in: a power of two."""

DEVICE_FLUSH = 4096
"""The same on an accelerator, where the number of calls dominates the cost."""

MIN_DRAWS = 3
"""Fewest draws that tell the Monte-Carlo variance of a bound."""


class ImportanceWeights:
    """Statistics of K log importance weights per datum: bounds on log p(x) and diagnostics.

    The log weights arrive in chunks (k, B) of any size, which change the results only by rounding;
    memory does not grow with K beyond the tail of 3 sqrt(K) rows.

    Args:
        n_samples: K; exactly as many rows must be added.

    Attributes:
        remark: What a reader has to know of the draws.
    """

    remark = ""

    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples
        self.n = 0
        self._held: Tensor | None = None
        self._groups, self._squares = InterleavedGroups(), StreamingLogMeanExp()
        self._doubling = DoublingGroups()
        self._top: Tensor | None = None

    def add(self, log_w: Tensor) -> None:
        """Add log weights (k, B).

        Raises:
            ValueError: More than K were added.
        """
        if self.n + len(log_w) > self.n_samples:
            raise ValueError(f"more than {self.n_samples} log weights")
        exact = log_w.detach().double()
        held = exact if self._held is None else torch.cat((self._held, exact))
        self.n += len(log_w)
        size = FLUSH if held.device.type == "cpu" else DEVICE_FLUSH
        while len(held) >= size or (self.n == self.n_samples and len(held)):
            self._process(held[:size])
            held = held[size:]
        self._held = held

    @classmethod
    def of(cls, log_w: Tensor) -> "ImportanceWeights":
        """Return the statistics of a complete set of log weights (K, B)."""
        weights = cls(len(log_w))
        weights.add(log_w)
        return weights

    def _process(self, rows: Tensor) -> None:
        self._groups.add(rows)
        self._squares.add(2 * rows)
        self._doubling.add(rows)
        seen = rows if self._top is None else torch.cat((self._top, rows))
        self._top = seen.topk(min(len(seen), tail_size(self.n_samples) + 1), dim=0).values

    def _require_all(self) -> Tensor:
        """Return the largest weights after all K were added."""
        if self.n != self.n_samples or self._top is None:
            raise ValueError(f"{self.n} of {self.n_samples} log weights were added")
        return self._top

    def log_mean(self) -> Tensor:
        """Return log (1/K) sum_k w_k, (B,): in expectation a lower bound on log E[w]."""
        self._require_all()
        return self._groups.log_sums().logsumexp(dim=0) - math.log(self.n_samples)

    def left_out(self) -> Tensor:
        """Return :meth:`log_mean` without each of up to 16 groups of draws, (G, B).

        NaN for K < 3: two draws do not tell how the variance falls with their number.
        """
        if self.n_samples < MIN_DRAWS:
            return torch.full_like(self.log_mean(), torch.nan).unsqueeze(0)
        return left_out(self._groups.log_sums(), self._groups.sizes())

    def variance(self) -> Tensor:
        """Return the Monte-Carlo variance of :meth:`log_mean`, (B,), by the jackknife over groups.

        For a single datum it is noisy if few weights dominate; its mean over many data is not.
        NaN, which is unknown, for K < 3.
        """
        return jackknife_variance(self.left_out())

    def mean_log(self) -> Tensor:
        """Return (1/K) sum_k log w_k, (B,)."""
        self._require_all()
        return self._doubling.result()[1]

    def variance_of_mean_log(self) -> Tensor:
        """Return the Monte-Carlo variance of :meth:`mean_log`, (B,); NaN for K = 1."""
        self._require_all()
        return self._doubling.variances()[1]

    def ess(self) -> Tensor:
        """Return the effective sample size (sum w)^2 / sum w^2, (B,), between 1 and K."""
        log_ratio = 2 * self.log_mean() - self._squares.result()
        return log_ratio.exp() * self.n_samples

    def max_weight(self) -> Tensor:
        """Return the largest normalised weight, (B,), between 1/K and 1."""
        largest = self._require_all()[0]
        return (largest - self.log_mean()).exp() / self.n_samples

    @cached_property
    def k_hat(self) -> Tensor | None:
        """The Pareto shape of the weights' tail, (B,), or None if K < 25."""
        top = self._require_all()
        return pareto_k_hat(top) if tail_size(self.n_samples) >= MIN_TAIL else None

    def health(self) -> dict[str, Tensor]:
        """Return ``ess``, ``max_weight`` and, if there is one, ``k_hat``, each (B,)."""
        health = {"ess": self.ess(), "max_weight": self.max_weight()}
        return health if self.k_hat is None else health | {"k_hat": self.k_hat}

    def curve(self) -> dict[int, Tensor]:
        """Return the bound L_k, (B,), for k = 1, 2, 4, ... and K.

        L_k is averaged over the floor(K / k) disjoint groups of k successive draws, which is
        unbiased for the expected k-draw bound and less noisy than one group.
        """
        return self._doubling.result() | {self.n_samples: self.log_mean()}

    def curve_variances(self) -> dict[int, Tensor]:
        """Return the Monte-Carlo variance of each point of :meth:`curve`, (B,).

        The sample variance over the groups of draws divided by their number; NaN for a single
        group, unless it is all K draws.
        """
        return self._doubling.variances() | {self.n_samples: self.variance()}

    def extrapolated(self) -> Tensor:
        """Return log E[w] without the 1/K term of the bias, (B,): an estimate, not a bound.

        The jackknife over the groups of :meth:`left_out`: the bias falls from order 1/K to 1/K^2 if
        no weight dominates. NaN for K < 3.

        References:
            Nowozin 2018, whose jackknife leaves out one draw instead of a group.
        """
        rest = self.n_samples - self._groups.sizes()
        return without_bias(self.log_mean(), self.left_out(), self.n_samples, rest)

    def extrapolated_from_halves(self) -> Tensor:
        """Return the same, (B,), from two halves of the draws: its bias is double; K > 1."""
        log_sums, sizes = self._groups.log_sums(), self._groups.sizes()
        halves = torch.stack([log_sums[i::2].logsumexp(dim=0) for i in (0, 1)])
        of_halves = torch.stack([sizes[i::2].sum() for i in (0, 1)])
        means = halves - of_halves.log().unsqueeze(-1)
        return without_bias(self.log_mean(), means, self.n_samples, of_halves)
