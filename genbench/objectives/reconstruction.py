"""Objectives of plain autoencoders."""

from dataclasses import dataclass
from typing import Any

from genbench.core.objective import Batch, Loss


@dataclass(frozen=True)
class SquaredError:
    """|x - decode(encode(x))|^2, summed over pixels, a batch mean."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        error = model.decode(model.encode(batch.x)) - batch.x
        per_datum = error.flatten(1).square()  # (B, pixels)
        return Loss(per_datum.sum(dim=1).mean(), {"mse": per_datum.mean()})


@dataclass(frozen=True)
class SparseSquaredError:
    """|x - decode(z)|^2 + penalty |z|_1 with z = encode(x), a batch mean.

    The squared error is summed over pixels, |z|_1 over the absolute values of the code. The
    number of non-zero values, |z|_0, has no gradient; the l1 norm is its convex relaxation. Unlike
    |z|_0 it also falls when all codes shrink and the decoder compensates. The logged
    ``code_l0`` is |z|_0.

    References:
        Tibshirani 1996, section 2, for the l1 norm in place of a count.
    """

    penalty: float

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        code = model.encode(batch.x).flatten(1)
        error = (model.decode(code) - batch.x).flatten(1).square()  # (B, pixels)
        l1, l0 = code.abs().sum(dim=1).mean(), code.ne(0).sum(dim=1).to(code.dtype).mean()
        value = error.sum(dim=1).mean() + self.penalty * l1
        return Loss(value, {"mse": error.mean(), "code_l1": l1, "code_l0": l0})
