"""The objective of models that know their log density."""

from dataclasses import dataclass
from typing import Any

from genbench.core.capabilities import bind
from genbench.core.objective import Batch, Loss, Objective


def negative_log_likelihood() -> Objective:
    """Return the objective -log p(x), a batch mean; a conditional model's is -log p(x given c)."""
    return NegativeLogLikelihood()


@dataclass(frozen=True)
class NegativeLogLikelihood:
    """What :func:`negative_log_likelihood` returns."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        log_px = bind(model, batch.y, batch.x).log_prob(batch.x).mean()
        return Loss(-log_px, {"log_px": log_px})
