"""The two linear-Gaussian models of the checks, with data and exact answers."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.linear_gaussian import LinearGaussian
from genbench.models.linear_vae import LinearVae
from genbench.nets.mlp import MlpDecoder
from genbench.selftest import exact
from genbench.selftest.check import Array, as_array, standard_normal
from genbench.selftest.models import WithoutLogProb

SHAPE = (1, 3, 4)
N_PIXELS = math.prod(SHAPE)
SHIFT = (0.5, -0.4, 0.3)
"""Shift of the wrong posterior, in standard deviations of the true one."""
STRETCH = 1.2
"""Standard deviation of the wrong posterior over that of the true one."""


class LinearGaussianCase(NamedTuple):
    """Data (N, 1, 3, 4), also flat (N, 12), the model fitted to them, and the exact answers."""

    x: Tensor
    flat: Array
    model: LinearGaussian
    exact: exact.Ppca

    def hidden(self, *, wrong: bool = True) -> WithoutLogProb:
        """Return the model without log p(x), with a wrong or the true posterior."""
        if not wrong:
            return WithoutLogProb(self.model)
        shift = torch.tensor(SHIFT[: self.model.W.shape[1]], dtype=torch.float64)
        return WithoutLogProb(self.model, shift, STRETCH)


def linear_gaussian_case(n: int, latent_dim: int = 3, noise: float = 0.7) -> LinearGaussianCase:
    """Draw data with a few strong directions and fit the shipped model to them."""
    spread = torch.tensor([2.0, 1.0, 0.6][:latent_dim], dtype=torch.float64)
    mixing = standard_normal(latent_dim, N_PIXELS, seed="mixing")
    flat = standard_normal(n, latent_dim, seed="codes") * spread @ mixing
    flat = flat + noise * standard_normal(n, N_PIXELS, seed="noise") + 0.5
    x, model = flat.reshape(n, *SHAPE), LinearGaussian(latent_dim, SHAPE)
    model.fit(x)
    return LinearGaussianCase(x, as_array(flat), model, exact.fit_ppca(as_array(flat), latent_dim))


class LinearVaeCase(NamedTuple):
    """A linear VAE with random weights in place of trained ones, and its exact answers.

    ``loc`` (N, D) and ``scale`` (D,) are those of q(z|x); ``mean`` and ``covariance`` of p(z|x).
    """

    x: Tensor
    model: LinearVae
    log_px: Array
    loc: Array
    scale: Array
    mean: Array
    covariance: Array

    def gap(self) -> Array:
        """Return KL(q(z|x) || p(z|x)), (N,)."""
        return exact.gaussian_kl(self.loc, self.scale, self.mean, self.covariance)

    def approximation(self) -> float:
        """Return the KL of the best diagonal q: 1/2 (sum ln M_ii - ln |M|)."""
        inverse = np.linalg.inv(self.covariance)
        return float(0.5 * (np.log(inverse.diagonal()).sum() - np.linalg.slogdet(inverse)[1]))


def linear_vae_case(n: int, off: float = 0.02) -> LinearVaeCase:
    """Draw a linear VAE whose two latent dimensions are correlated given x, and data from it.

    ``off`` is the standard deviation of the errors in the encoder's weights.
    """
    W = 0.5 * standard_normal(N_PIXELS, 2, seed="W")
    W[:, 1] += 0.6 * W[:, 0]
    b, s2 = standard_normal(N_PIXELS, seed="b"), 0.64
    M = W.T @ W + s2 * torch.eye(2, dtype=torch.float64)
    V = torch.linalg.solve(M, W.T)
    wrong = V + off * standard_normal(2, N_PIXELS, seed="V")
    q_scale = 1.3 * (s2 / M.diagonal()).sqrt()
    noise = math.sqrt(s2) * standard_normal(n, N_PIXELS, seed="e")
    flat = standard_normal(n, 2, seed="z") @ W.T + b + noise
    total = as_array(W @ W.T) + s2 * np.eye(N_PIXELS)
    return LinearVaeCase(
        x=flat.reshape(n, *SHAPE),
        model=_linear_vae(W, b, s2, wrong, q_scale),
        log_px=exact.gaussian_log_density(as_array(flat), as_array(b), total),
        loc=as_array((flat - b) @ wrong.T),
        scale=as_array(q_scale),
        mean=as_array((flat - b) @ V.T),
        covariance=s2 * as_array(torch.linalg.inv(M)),
    )


def _linear_vae(W: Tensor, b: Tensor, s2: float, V: Tensor, q_scale: Tensor) -> LinearVae:
    """Return the shipped model with q(z|x) = N(V (x - b), diag q_scale^2)."""
    latent_dim = len(V)
    posterior = ConstantScaleNormal(N_PIXELS, latent_dim)
    decoder = MlpDecoder(latent_dim, (), SHAPE, "tanh")
    head = FixedGaussianHead(math.sqrt(s2))
    model = LinearVae(nn.Flatten(), posterior, decoder, head, latent_dim).double()
    with torch.no_grad():
        decoder.output.weight.copy_(W)
        decoder.output.bias.copy_(b)
        posterior.linear.weight.copy_(V)
        posterior.linear.bias.copy_(-V @ b)
        posterior.log_scale.copy_(q_scale.log())
    return model
