"""The types that objectives and the training loop share."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Data and labels of one step, and the progress of training in epochs.

    The progress is a tensor () in training, so that each replay of a recorded step reads its own.
    ``indices`` (B,) are those of the training data; None for held-out data.
    """

    x: Tensor
    y: Tensor
    epoch: float | Tensor = 0.0
    indices: Tensor | None = None


class Loss(NamedTuple):
    """The scalar to minimise, and other scalars to record."""

    value: Tensor
    logged: Mapping[str, Tensor]


Objective = Callable[[Any, Batch], Loss]
