"""The types that objectives and the training loop share."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """Data and labels of one step, and the progress of training in epochs.

    The progress is a tensor () where a step is recorded, so that every repeat reads its own.
    ``indices`` (B,) say which training data these are; held-out data have none.
    """

    x: Tensor
    y: Tensor
    epoch: float | Tensor = 0.0
    indices: Tensor | None = None


class Loss(NamedTuple):
    """The scalar to minimise, and scalars to record beside it."""

    value: Tensor
    logged: Mapping[str, Tensor]


Objective = Callable[[Any, Batch], Loss]
