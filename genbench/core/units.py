"""Nats, bits and bits per dimension."""

import math


def nats_to_bits(nats: float) -> float:
    """Convert an amount of information.

    Example:
        >>> nats_to_bits(math.log(2))
        1.0
    """
    return nats / math.log(2)


def bits_per_dim(log_px: float, n_dims: int, n_levels: int | None) -> float:
    """Return the code length in bits per dimension implied by the log probability of one datum.

    For a probability mass, ``-log p / (D log 2)``. For a density of data dequantised to [0, 1]
    with ``n_levels`` levels, ``log2(n_levels)`` is added: each level is a bin of width 1/n_levels
    (Theis, van den Oord, Bethge 2016, section 3.1).

    Args:
        log_px: log p(x) in nats.
        n_dims: Number of dimensions of x.
        n_levels: Levels of a dequantised density, or None for a mass.

    Example:
        >>> bits_per_dim(0.0, 784, n_levels=256)  # a uniform density of 256-level pixels
        8.0
    """
    return -nats_to_bits(log_px) / n_dims + (math.log2(n_levels) if n_levels else 0.0)
