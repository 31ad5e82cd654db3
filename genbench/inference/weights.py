"""Statistics of importance weights that arrive in pieces, in float64 and fixed memory."""

from functools import cached_property

import torch
from torch import Tensor

from genbench.inference.streaming import DoublingGroups, StreamingLogMeanExp, StreamingMoments
from genbench.inference.tail import MIN_TAIL, pareto_k_hat, tail_size

FLUSH = 256
"""Rows processed at once, whatever chunks they arrive in: a power of two."""

DEVICE_FLUSH = 4096
"""The same on an accelerator, where the number of calls dominates the cost."""


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
        self._total, self._squares = StreamingLogMeanExp(), StreamingLogMeanExp()
        self._halves = (StreamingLogMeanExp(), StreamingLogMeanExp())
        self._moments, self._groups = StreamingMoments(), DoublingGroups()
        self._top: Tensor | None = None

    def add(self, log_w: Tensor) -> None:
        """Add log weights (k, B).

        Raises:
            ValueError: More than K were added.
        """
        if self.n + len(log_w) > self.n_samples:
            raise ValueError(f"more than {self.n_samples} log weights")
        exact = log_w.double()
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
        first = max(0, min(len(rows), self.n_samples // 2 - self._total.n))
        for half, part in zip(self._halves, (rows[:first], rows[first:]), strict=True):
            if len(part):
                half.add(part.detach())
        self._total.add(rows)
        rows = rows.detach()
        self._squares.add(2 * rows)
        self._moments.add(rows)
        self._groups.add(rows)
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
        return self._total.result()

    def variance(self) -> Tensor | None:
        """Return the Monte-Carlo variance of :meth:`log_mean`, (B,), by the delta method.

        Var(w) / (K E[w]^2) = (1/ESS - 1/K) K / (K - 1), to first order in 1/K; too small if few
        weights dominate (see k-hat). Unknown for K = 1.
        """
        k = self.n_samples
        return ((1 / self.ess() - 1 / k) * k / (k - 1)).clamp(min=0) if k > 1 else None

    def mean_log(self) -> Tensor:
        """Return (1/K) sum_k log w_k, (B,)."""
        self._require_all()
        return torch.as_tensor(self._moments.mean)

    def variance_of_mean_log(self) -> Tensor | None:
        """Return the Monte-Carlo variance of :meth:`mean_log`, (B,); unknown for K = 1."""
        self._require_all()
        return self._moments.variance_of_mean()

    def ess(self) -> Tensor:
        """Return the effective sample size (sum w)^2 / sum w^2, (B,), between 1 and K."""
        log_ratio = 2 * self.log_mean().detach() - self._squares.result()
        return log_ratio.exp() * self.n_samples

    def max_weight(self) -> Tensor:
        """Return the largest normalised weight, (B,), between 1/K and 1."""
        largest = self._require_all()[0]
        return (largest - self.log_mean().detach()).exp() / self.n_samples

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
        return self._groups.result() | {self.n_samples: self.log_mean()}

    def extrapolated(self) -> Tensor:
        """Return log E[w] without the 1/K term of the bias, (B,): an estimate, not a bound.

        For even K this is 2 L_K - (L' + L'') / 2 with the bounds L', L'' of the two halves of the
        draws: the jackknife over halves. The bias falls from order 1/K to 1/K^2. For odd K the
        coefficients are chosen so that the 1/K terms cancel too.

        Raises:
            ValueError: K < 2.

        References:
            Nowozin 2018, whose jackknife leaves out one draw instead of half of them.
        """
        if self.n_samples < 2:
            raise ValueError("extrapolation in 1/K needs at least 2 draws")
        halves = [half.result() for half in self._halves]
        ratio = self.n_samples * sum(1 / half.n for half in self._halves) / 2
        mean = (halves[0] + halves[1]) / 2
        return (ratio * self.log_mean() - mean) / (ratio - 1)
