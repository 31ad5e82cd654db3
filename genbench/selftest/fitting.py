"""Data and the two linear-Gaussian models that are checked on them, with what is exact of each."""

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
from genbench.selftest.check import Array, normal, numpy
from genbench.selftest.models import Hidden

SHAPE = (1, 3, 4)
N_PIXELS = math.prod(SHAPE)
SHIFT = (0.5, -0.4, 0.3)
"""Of the wrong posterior, in posterior standard deviations."""
STRETCH = 1.2
"""Factor of the wrong posterior's standard deviations."""


class Fitted(NamedTuple):
    """Data (N, 1, 3, 4), flat (N, 12) too, the model fitted to them, and the exact answers."""

    x: Tensor
    flat: Array
    model: LinearGaussian
    exact: exact.Ppca

    def hidden(self, *, wrong: bool = True) -> Hidden:
        """Return the model without log p(x), its posterior wrong unless told otherwise."""
        if not wrong:
            return Hidden(self.model)
        shift = torch.tensor(SHIFT[: self.model.W.shape[1]], dtype=torch.float64)
        return Hidden(self.model, shift, STRETCH)


def fitted(n: int, latent_dim: int = 3, noise: float = 0.7) -> Fitted:
    """Draw data with a few strong directions and fit the shipped model to them."""
    spread = torch.tensor([2.0, 1.0, 0.6][:latent_dim], dtype=torch.float64)
    mixing = normal(latent_dim, N_PIXELS, seed="mixing")
    flat = normal(n, latent_dim, seed="codes") * spread @ mixing
    flat = flat + noise * normal(n, N_PIXELS, seed="noise") + 0.5
    model = LinearGaussian(latent_dim, SHAPE)
    model.fit(flat.reshape(n, *SHAPE))
    return Fitted(
        flat.reshape(n, *SHAPE), numpy(flat), model, exact.fit_ppca(numpy(flat), latent_dim)
    )


class Trained(NamedTuple):
    """A linear VAE with weights of chance in place of training, and what is exact of it.

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
        """Return the KL that the best diagonal q leaves: 1/2 (sum ln M_ii - ln |M|)."""
        inverse = np.linalg.inv(self.covariance)
        return float(0.5 * (np.log(inverse.diagonal()).sum() - np.linalg.slogdet(inverse)[1]))


def trained(n: int, off: float = 0.02) -> Trained:
    """Draw data, and a linear VAE with two latent dimensions that depend on each other given x.

    ``off`` is the standard deviation of the errors in the encoder's weights.
    """
    W = 0.5 * normal(N_PIXELS, 2, seed="W")
    W[:, 1] += 0.6 * W[:, 0]
    b, s2 = normal(N_PIXELS, seed="b"), 0.64
    M = W.T @ W + s2 * torch.eye(2, dtype=torch.float64)
    V = torch.linalg.solve(M, W.T)
    wrong = V + off * normal(2, N_PIXELS, seed="V")
    q_scale = 1.3 * (s2 / M.diagonal()).sqrt()
    flat = normal(n, 2, seed="z") @ W.T + b + math.sqrt(s2) * normal(n, N_PIXELS, seed="e")
    total = numpy(W @ W.T) + s2 * np.eye(N_PIXELS)
    return Trained(
        x=flat.reshape(n, *SHAPE),
        model=_linear_vae(W, b, s2, wrong, q_scale),
        log_px=exact.gaussian_log_density(numpy(flat), numpy(b), total),
        loc=numpy((flat - b) @ wrong.T),
        scale=numpy(q_scale),
        mean=numpy((flat - b) @ V.T),
        covariance=s2 * numpy(torch.linalg.inv(M)),
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
