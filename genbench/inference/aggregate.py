"""The aggregate posterior q(z) = 1/N Σₙ q(z|xₙ) of factorised Gaussians."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.core.tensors import joined

LEAST_DRAWS = 50
"""Minimum number of draws for correcting the parts for the error of their sum."""
CHUNK = 2**18
"""Pairs of draw and component at once: they fit in a processor's cache."""
DEVICE_CHUNK = 2**24
"""The same on an accelerator, which needs large pieces."""


class Mixture(NamedTuple):
    """N factorised Gaussians of equal weight: means and standard deviations, each (N, D)."""

    loc: Tensor
    scale: Tensor


def log_mixture(z: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
    """Return log q(z), (M,), and the log marginals log q(z_d), (M, D), of points z (M, D).

    Exact for the finite mixture, but for a marginal of a point that is more than 38 standard
    deviations away from every component, which is -inf. Costs M N D exponentials; a log density
    of a component is a product of (z², z, 1) with its coefficients.
    """
    precision, loc = mixture.scale.T.square().reciprocal(), mixture.loc.T  # (D, N)
    constant = -mixture.scale.T.log() - 0.5 * math.log(2 * math.pi)
    highest = constant.amax(dim=1)
    of_squares, of_z = -0.5 * precision, precision * loc
    constant = of_squares * loc.square() + constant - highest.unsqueeze(1)
    n = loc.shape[1]
    size = max(1, (CHUNK if z.device.type == "cpu" else DEVICE_CHUNK) // n)
    of_both, of_one = torch.cat((of_squares, of_z)), constant.sum(dim=0)  # (2 D, N), (N,)
    squares_and_z = torch.split(torch.cat((z.square(), z), dim=1), size)
    joint = joined(
        (torch.addmm(of_one, rows, of_both).logsumexp(dim=1) for rows in squares_and_z), len(z)
    )
    powers = torch.stack((z.square(), z, torch.ones_like(z))).movedim(2, 0)  # (D, 3, M)
    coefficients = torch.stack((of_squares, of_z, constant), dim=1)  # (D, 3, N)
    marginal = [
        joined(((part @ of_d).exp_().sum(dim=1) for part in torch.split(powers_d.T, size)), len(z))
        for powers_d, of_d in zip(powers, coefficients, strict=True)
    ]
    log_marginal = torch.stack(marginal, dim=1).log() + highest
    return joint + highest.sum() - math.log(n), log_marginal - math.log(n)


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
