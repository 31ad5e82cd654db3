"""Objectives of plain autoencoders."""

from dataclasses import dataclass
from typing import Any

from genbench.core.objective import Batch, Loss, Objective


def squared_error() -> Objective:
    """Return the objective |x - decode(encode(x))|^2, summed over pixels, a batch mean."""
    return SquaredError()


@dataclass(frozen=True)
class SquaredError:
    """What :func:`squared_error` returns."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        error = model.decode(model.encode(batch.x)) - batch.x
        per_datum = error.flatten(1).square()  # (B, pixels)
        return Loss(per_datum.sum(dim=1).mean(), {"mse": per_datum.mean()})
