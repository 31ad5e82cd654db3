"""The objective of models with an exact log density."""

from dataclasses import dataclass
from typing import Any

from genbench.core.capabilities import bind
from genbench.core.objective import Batch, Loss


@dataclass(frozen=True)
class NegativeLogLikelihood:
    """-log p(x), a batch mean; for a conditional model -log p(x given c)."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        log_px = bind(model, batch.y, batch.x).log_prob(batch.x).mean()
        return Loss(-log_px, {"log_px": log_px})
