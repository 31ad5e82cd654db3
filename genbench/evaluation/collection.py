"""An evaluator's results on all blocks of data, collected and summarised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genbench.core.metric import Kind
from genbench.evaluation.spec import PerDatum


@dataclass
class Collected:
    """The results of one task, block by block, or the reason why it stopped."""

    pieces: list[PerDatum] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    remark: str = ""
    status: str = "ok"

    def add(self, piece: PerDatum, n_left: int) -> None:
        """Add one block; only its first ``n_left`` data count."""
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

    def mc_stderr(self) -> float | None:
        """Return the Monte-Carlo standard error of the mean over data."""
        known = [p.mc_variance for p in self.pieces if p.mc_variance is not None]
        if not known or len(known) < len(self.pieces):
            return None
        variances = self._join(known).cpu().double()
        total = float(variances.sum())
        return math.sqrt(total) / len(variances) if math.isfinite(total) else None

    def health(self) -> dict[str, float]:
        """Return the diagnostics over all data."""
        names = self.pieces[0].health if self.pieces else ()
        joined = {name: self._join([p.health[name] for p in self.pieces]).cpu() for name in names}
        return summarise_health(joined)

    def _join(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([t.detach()[:n] for t, n in zip(tensors, self.kept, strict=True)])


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
                    "k_hat_bad": float((known > 0.7).double().mean()),
                }
        else:
            summary[name] = float(exact.mean())
        if name == "ess":
            summary["ess_min"] = float(exact.min())
    return {name: value for name, value in sorted(summary.items()) if math.isfinite(value)}
