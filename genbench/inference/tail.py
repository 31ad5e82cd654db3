"""The tail of importance weights: a generalised Pareto distribution fitted to the largest."""

import math

import torch
from torch import Tensor

MIN_TAIL = 5
"""Smallest tail for a Pareto fit: K = 25 draws."""

FLAT_TAIL = 1e-4
"""Log weights within this many nats differ by float32 rounding only: there is no tail."""


def tail_size(n_samples: int) -> int:
    """Return how many of K weights are its tail: min(K / 5, 3 sqrt(K)).

    References:
        Vehtari, Simpson, Gelman, Yao, Gabry 2024.
    """
    return int(min(n_samples / 5, 3 * math.sqrt(n_samples)))


def pareto_k_hat(top: Tensor) -> Tensor:
    """Return the shape of a generalised Pareto distribution fitted to the largest weights, (B,).

    Above 0.7 an importance-sampling estimate with this many draws is not reliable. NaN if the tail
    is flat or consists of ties, which leaves nothing to fit; infinite if fewer than M weights are
    above zero.

    Args:
        top: The M + 1 largest log weights (M + 1, B), descending, M = ``tail_size(K)``.

    References:
        Vehtari, Simpson, Gelman, Yao, Gabry 2024; Zhang and Stephens 2009.
    """
    largest, smallest, threshold = top[0], top[-2], top[-1]
    weights = (top - largest).exp()
    excess = weights[:-1] - weights[-1]  # (M, B), descending
    quartile = excess[len(excess) - int(len(excess) / 4 + 0.5)]
    k_hat = _posterior_mean_shape(excess, quartile)
    flat = (largest == smallest) | (largest - threshold <= FLAT_TAIL)
    unfit = flat | (quartile == 0) | ~top[:-1].isfinite().all(dim=0)
    k_hat = k_hat.masked_fill(unfit, torch.nan)
    return k_hat.masked_fill(smallest.isneginf() & ~largest.isneginf(), torch.inf)


def _posterior_mean_shape(excess: Tensor, quartile: Tensor) -> Tensor:
    """Return Zhang and Stephens' estimate of k for each column of ``excess`` (M, B), descending.

    With theta = k / scale, the profile likelihood at k(theta) = mean log(1 + theta y) depends on
    theta alone. theta is averaged over a grid with that likelihood as the weight; k is shrunk
    towards 1/2 with the weight of ten data, as in Vehtari et al.
    """
    m = len(excess)
    n_grid = 30 + int(math.sqrt(m))
    rank = torch.arange(1, n_grid + 1, dtype=excess.dtype, device=excess.device) - 0.5
    spread = (n_grid / rank).sqrt()[:, None] - 1  # (G, 1)
    theta = spread / (3 * quartile) - 1 / excess[0]  # (G, B)
    k = _mean_log1p(theta, excess)
    log_likelihood = m * ((theta / k).log() - k - 1)
    best = (log_likelihood.softmax(dim=0) * theta).sum(dim=0, keepdim=True)
    return (m * _mean_log1p(best, excess)[0] + 5) / (m + 10)


def _mean_log1p(theta: Tensor, excess: Tensor) -> Tensor:
    """Return the mean over m of log(1 + theta_g excess_m) per datum, (G, B)."""
    products = theta[:, None] * excess  # (G, M, B)
    return products.log1p_().mean(dim=1)
