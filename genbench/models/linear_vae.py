"""The linear VAE: a VAE with known log p(x) at any point of its training."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from genbench.distributions.observation import FixedGaussianHead, SharedGaussianHead
from genbench.models.latent_variable import Head
from genbench.models.vae import Vae
from genbench.nets.mlp import MlpDecoder


class LinearVae(Vae):
    """A VAE with p(x given z) = N(W z + b, s2 I): p(x) = N(b, W W^T + s2 I) for any W, b and s2.

    With M = W^T W + s2 I (D, D) the true posterior is N(M^-1 W^T (x - b), s2 M^-1). A diagonal
    posterior reaches it where M is diagonal; the best one leaves the same gap for every x,
    KL = 1/2 (sum_i ln M_ii - ln |M|). The exact quantities are computed in float64.

    Args:
        parts: Encoder, posterior head, decoder, observation head and D, as for :class:`Vae`.

    References:
        Tipping and Bishop 1999, equations 3 to 8; Lucas et al. 2019, section 4.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        if not is_linear(self.decoder, self.observation_head):
            raise ValueError("a linear VAE needs a linear decoder and a single Gaussian scale")

    def linear_parameters(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return W (n_pixels, D), b (n_pixels,) and the variance s2 (), in float64."""
        return affine_parameters(self.decoder, self.observation_head)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x) = log N(x; b, W W^T + s2 I), (B,) in nats."""
        W, b, s2 = self.linear_parameters()
        n_pixels, latent_dim = W.shape
        centred = x.flatten(1).double() - b
        factor = _factor(W, s2)
        white = torch.linalg.solve_triangular(factor, (centred @ W).T, upper=False)  # (D, B)
        mahalanobis = (centred.square().sum(dim=1) - white.square().sum(dim=0)) / s2
        log_det = 2 * factor.diagonal().log().sum() + (n_pixels - latent_dim) * s2.log()
        log_px: Tensor = -0.5 * (n_pixels * math.log(2 * math.pi) + log_det + mahalanobis)
        return log_px

    def true_posterior(self, x: Tensor) -> MultivariateNormal:
        """Return p(z given x) with its full covariance: batch (B,), event (D,), in float64."""
        W, b, s2 = self.linear_parameters()
        factor = _factor(W, s2)
        projected = (x.flatten(1).double() - b) @ W
        loc = torch.cholesky_solve(projected.T, factor).T
        scale_tril = torch.linalg.cholesky(s2 * torch.cholesky_inverse(factor))
        return MultivariateNormal(loc, scale_tril=scale_tril, validate_args=False)


def affine_parameters(decoder: nn.Module, head: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return W (n_pixels, D), b (n_pixels,) and s2 () of p(x given z) = N(W z + b, s2 I)."""
    affine = cast(nn.Linear, decoder.output)
    scale = head.log_scale.exp() if isinstance(head, SharedGaussianHead) else head.scale
    s2 = torch.as_tensor(scale, dtype=torch.float64, device=affine.weight.device).square()
    return affine.weight.double(), affine.bias.double(), s2


def _factor(W: Tensor, s2: Tensor) -> Tensor:
    """Return the Cholesky factor of M = W^T W + s2 I."""
    identity = torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    factor: Tensor = torch.linalg.cholesky(W.T @ W + s2 * identity)
    return factor


def is_linear(decoder: nn.Module, observation: Head) -> bool:
    """Return whether decoder and head make p(x given z) linear-Gaussian with a single scale."""
    affine = isinstance(decoder, MlpDecoder) and not len(decoder.body)
    return affine and isinstance(observation, FixedGaussianHead | SharedGaussianHead)
