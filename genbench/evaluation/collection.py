"""An evaluator's results on all blocks of data, collected and summarised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.core.metric import Kind
from genbench.core.statistics import MOST_K_HAT
from genbench.evaluation.spec import PerDatum


@dataclass
class Collected:
    """The results of one task, block by block, or the reason why it stopped."""

    pieces: list[PerDatum] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    remark: str = ""
    status: str = "ok"
    by_draw: Tensor | None = None

    def add(self, piece: PerDatum, n_left: int) -> None:
        """Add one block; only its first ``n_left`` data count."""
        if piece.by_draw is not None:
            of_block = piece.by_draw[:, :n_left].sum(dim=1)
            self.by_draw = of_block if self.by_draw is None else self.by_draw + of_block
            piece = replace(piece, by_draw=None)
        self.pieces.append(piece)
        self.kept.append(n_left)
        self.remark = piece.remark

    def stop(self, status: str, reason: str) -> None:
        """Record that the task does not apply or failed."""
        self.status, self.remark = status, reason

    @property
    def kind(self) -> Kind | None:
        """The kind of the values, if it depends on the model."""
        return self.pieces[-1].kind if self.pieces else None

    def values(self) -> Tensor:
        """Return the values of all data, (N,) or (N, P)."""
        return self._join([piece.values for piece in self.pieces])

    def errors(self, n_rows: int) -> list["MonteCarloError"]:
        """Return the Monte-Carlo errors of the means over data, one for each of ``n_rows`` rows."""
        if self.by_draw is not None:
            return [shared_error(self.by_draw, len(self.values()))] * n_rows
        known = [p.mc_variance for p in self.pieces if p.mc_variance is not None]
        if not known or len(known) < len(self.pieces):
            return [NO_ERROR] * n_rows
        variances = self._join(known).cpu().double()
        columns = variances.reshape(len(variances), -1).expand(-1, n_rows)
        return [mean_error(column) for column in columns.unbind(dim=1)]

    def health(self) -> dict[str, float]:
        """Return the diagnostics over all data."""
        names = self.pieces[0].health if self.pieces else ()
        joined = {name: self._join([p.health[name] for p in self.pieces]).cpu() for name in names}
        return summarise_health(joined)

    def _join(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([t.detach()[:n] for t, n in zip(tensors, self.kept, strict=True)])


MIN_DATA = 20
"""Fewest data whose draws together tell the Monte-Carlo error of their mean."""


class MonteCarloError(NamedTuple):
    """The Monte-Carlo standard error of a number, or why a number from draws has none."""

    stderr: float | None = None
    absence: str = ""


NO_ERROR = MonteCarloError()
"""Of a number that is not drawn."""


def mean_error(variances: Tensor) -> MonteCarloError:
    """Return the Monte-Carlo error of the mean of data with these variances (N,).

    The variance of a single datum is noisy where few draws dominate; their sum over data is not.
    """
    n, total = len(variances), float(variances.sum())
    if not math.isfinite(total):
        return MonteCarloError(None, "its draws do not tell a Monte-Carlo error")
    if n < MIN_DATA:
        return MonteCarloError(None, "too few data for a Monte-Carlo error")
    return MonteCarloError(math.sqrt(total) / n)


MIN_SHARED_DRAWS = 20
"""Fewest draws that all data share whose spread tells the error of their mean."""


def shared_error(by_draw: Tensor, n: int) -> MonteCarloError:
    """Return the Monte-Carlo error of the mean of n data that share K draws.

    The errors of the data are one and the same. It comes from the spread, over draws, of what each
    contributes to the mean, and does not fall with n.

    Args:
        by_draw: The sum over data of what each draw contributes, (K,).
        n: Number of data.
    """
    k = len(by_draw)
    if k < MIN_SHARED_DRAWS:
        return MonteCarloError(None, "too few draws for a Monte-Carlo error")
    return MonteCarloError(float(by_draw.std()) / math.sqrt(k) / n)


def summarise_health(health: Mapping[str, Tensor]) -> dict[str, float]:
    """Reduce per-datum diagnostics (N,): medians of k-hat, minima and means of the rest.

    ``k_hat_bad`` is the share of data whose Pareto k-hat exceeds 0.7, beyond which an importance
    estimate is unreliable (Vehtari et al. 2024).
    """
    summary: dict[str, float] = {}
    for name, values in health.items():
        exact = values.double()
        if name == "k_hat":
            known = exact[~exact.isnan()]
            if len(known):
                summary |= {
                    "k_hat": float(known.median()),
                    "k_hat_bad": float((known > MOST_K_HAT).double().mean()),
                }
        else:
            summary[name] = float(exact.mean())
        if name == "ess":
            summary["ess_min"] = float(exact.min())
    return {name: value for name, value in sorted(summary.items()) if math.isfinite(value)}
