"""The aggregate posterior q(z) = 1/N Σₙ q(z|xₙ) of factorised Gaussians."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.inference.streaming import NEGLIGIBLE

LEAST_DRAWS = 50
"""Minimum number of draws for correcting the parts for the error of their sum."""
CHUNK = 2**19
"""Numbers in memory at once."""
DEVICE_CHUNK = 2**25
"""The same on an accelerator, which needs large pieces."""


class Mixture(NamedTuple):
    """N factorised Gaussians of equal weight: means and standard deviations, each (N, D)."""

    loc: Tensor
    scale: Tensor


def log_mixture(z: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
    """Return log q(z), (M,), and the log marginals log q(z_d), (M, D), of points z (M, D).

    Exact for the finite mixture; costs M N D exponentials.
    """
    loc, scale = mixture.loc.T.contiguous(), mixture.scale.T.contiguous()  # (D, N)
    n_dims, n = loc.shape
    constant = -scale.log() - 0.5 * math.log(2 * math.pi)
    joint, marginal = [], []
    chunk = CHUNK if z.device.type == "cpu" else DEVICE_CHUNK
    for rows in torch.split(z, max(1, chunk // (n * n_dims))):
        log_q = (rows[:, :, None] - loc).div_(scale).square_().mul_(-0.5).add_(constant)
        joint.append(_log_sum_exp(log_q.sum(dim=1)))
        marginal.append(_log_sum_exp(log_q))
    return torch.cat(joint) - math.log(n), torch.cat(marginal) - math.log(n)


def _log_sum_exp(values: Tensor) -> Tensor:
    """Return logsumexp over the last dimension of ``values``, which are overwritten."""
    largest = values.amax(dim=-1, keepdim=True)
    sums = values.sub_(largest).clamp_(min=NEGLIGIBLE).exp_().sum(dim=-1)
    return sums.log() + largest.squeeze(-1)


def decompose_kl(
    z: Tensor, log_qz_given_x: Tensor, log_pz_per_dim: Tensor, mixture: Mixture
) -> Tensor:
    """Return the three parts of log q(z|x) − log p(z) for each draw, (M, 3) in nats.

    Index-code mutual information log q(z|x) − log q(z), total correlation
    log q(z) − Σ log q(z_d), dimension-wise KL Σ log q(z_d) − Σ log p(z_d). Their means over draws
    z ~ q(z|xₙ), n uniform, estimate the three without bias for the finite mixture, where the first
    is at most log N. The aggregate posterior of all data has more entropy than the mixture: with
    respect to it, mutual information is biased low, total correlation high by about as much.

    Args:
        z: Draws (M, D), each from one component.
        log_qz_given_x: Log density of each draw under its own component, (M,).
        log_pz_per_dim: Log prior density of each coordinate, (M, D).
        mixture: All N components.

    References:
        Hoffman and Johnson 2016; Chen, Li, Grosse, Duvenaud 2018, equation 2.
    """
    log_qz, log_qz_per_dim = log_mixture(z, mixture)
    product, log_pz = log_qz_per_dim.sum(dim=1), log_pz_per_dim.sum(dim=1)
    return torch.stack((log_qz_given_x - log_qz, log_qz - product, product - log_pz), dim=1)


def with_known_sum(parts: Tensor, total: Tensor) -> Tensor:
    """Return ``parts`` (M, P) of each draw, corrected so that each row adds up to ``total``.

    The sampling error of a row's sum, whose mean is zero, is removed from the parts by regression:
    the coefficients add up to 1 by construction, and the variance falls. Bias: O(1/M), from fitting
    the coefficients to the same draws; with fewer than 50 draws nothing is corrected, and the sum
    is exact only up to its sampling error.

    Args:
        parts: Unbiased draws of P quantities.
        total: The exact value of their sum, ().
    """
    error = parts.sum(dim=1) - total  # (M,)
    centred = error - error.mean()
    variance = centred.square().sum()
    if len(parts) < LEAST_DRAWS or not variance > 0:
        return parts
    return parts - error[:, None] * (centred @ parts / variance)
