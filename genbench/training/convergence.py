"""Whether training had converged: how far the validation loss still fell at its end."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

N_BLOCKS = 10


class Fall(NamedTuple):
    """By how much a validation loss fell between two epochs, and the standard error of that."""

    value: float
    stderr: float


def compared_epochs(n_epochs: int) -> tuple[int, ...]:
    """Return the last epoch at or before nine tenths of training, and the last one.

    Training of one epoch has no such pair.

    Example:
        >>> compared_epochs(40), compared_epochs(3), compared_epochs(1)
        ((36, 40), (2, 3), ())
    """
    early = n_epochs * 9 // 10
    return (early, n_epochs) if early else ()


def block_size(n_data: int, largest: int) -> int:
    """Return the size of ten blocks or more, none above ``largest``; 0 of less than ten data.

    Example:
        >>> block_size(5_000, 500), block_size(204, 500), block_size(10_000, 500)
        (500, 20, 500)
    """
    return min(largest, n_data // N_BLOCKS)


def fall_between(losses: Sequence[Sequence[float]]) -> Fall | None:
    """Return the fall between two epochs, from the losses of the same blocks after each.

    The blocks saw the same noise, so that differences within a block are compared; its standard
    error is that of their mean. None without two epochs, or where a loss is not finite.

    Example:
        >>> fall_between([[3.0, 5.0], [2.0, 2.0]])
        Fall(value=2.0, stderr=1.0)
    """
    if len(losses) != 2:
        return None
    falls = [before - after for before, after in zip(*losses, strict=True)]
    if len(falls) < 2 or not all(map(math.isfinite, falls)):
        return None
    return Fall(fmean(falls), stdev(falls) / math.sqrt(len(falls)))
