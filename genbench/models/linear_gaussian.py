"""Probabilistic PCA: every quantity is known exactly."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.core.tensors import independent_normal, sum_in_float64
from genbench.distributions.latent import StandardNormal
from genbench.distributions.pixels import GaussianPixels
from genbench.models.latent_variable import LatentVariableModel

_ROWS = 5_000
"""Images in float64 at once."""
_ROUNDING = 1e-13
"""A share of the variance that is not told from zero."""


class LinearGaussian(nn.Module, LatentVariableModel):
    """z ~ N(0, I), x given z ~ N(W z + mean, s2 I), fitted in closed form, in float64.

    With W = U (L - s2 I)^(1/2) the matrix W^T W + s2 I is diagonal, so the diagonal posterior below
    is the true one: the ELBO and the importance-weighted bound for any K equal log p(x).

    References:
        Tipping and Bishop 1999, equations 3 to 8; Lucas et al. 2019.
    """

    def __init__(self, latent_dim: int, image_shape: Sequence[int]) -> None:
        super().__init__()
        n_pixels = math.prod(image_shape)
        self.image_shape = tuple(image_shape)
        self.W = nn.Buffer(torch.zeros(n_pixels, latent_dim, dtype=torch.float64))
        self.mean = nn.Buffer(torch.zeros(n_pixels, dtype=torch.float64))
        self.s2 = nn.Buffer(torch.ones((), dtype=torch.float64))
        self.latent_prior = StandardNormal(latent_dim).double()

    def fit(self, x: Tensor) -> None:
        """Set W, mean and s2 to their maximum-likelihood values for data x (N, C, H, W).

        Raises:
            ValueError: The components explain all variance, so that s2 = 0.
        """
        flat, latent_dim = x.flatten(1), self.W.shape[1]
        variances, vectors = _components(flat, latent_dim)  # ascending
        n_rest = flat.shape[1] - latent_dim
        s2 = variances[:-latent_dim].sum() / n_rest  # those beyond the images are 0
        if not s2 > _ROUNDING * variances.sum():
            raise ValueError(
                f"{len(x)} images have no variance beyond {latent_dim} principal components, so"
                " there is no density: they are too few, or equal"
            )
        top = variances[-latent_dim:].flip(0)
        directions = vectors[:, -latent_dim:].flip(1)
        # an eigenvector's sign is arbitrary: fix it
        signs = torch.where(directions.sum(dim=0) < 0, -1.0, 1.0)
        self.W.copy_(directions * signs * (top - s2).clamp(min=0).sqrt())
        self.mean.copy_(sum_in_float64(flat) / len(x))
        self.s2.copy_(s2)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z) = N(W z + mean, s2 I), event (C, H, W)."""
        mean = (z.double() @ self.W.T + self.mean).reshape(*z.shape[:-1], *self.image_shape)
        return GaussianPixels(mean, self.s2.sqrt())

    def posterior(self, x: Tensor) -> Distribution:
        """Return the true posterior N(M^-1 W^T (x - mean), s2 M^-1), M = W^T W + s2 I diagonal."""
        m = self.W.square().sum(dim=0) + self.s2  # (D,)
        loc = (x.flatten(1).double() - self.mean) @ self.W / m
        return independent_normal(loc, (self.s2 / m).sqrt().expand_as(loc))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x) = log N(x; mean, W W^T + s2 I), (B,) in nats."""
        n_pixels, latent_dim = self.W.shape
        centred = x.flatten(1).double() - self.mean
        m = self.W.square().sum(dim=0) + self.s2
        inside = ((centred @ self.W).square() / m).sum(dim=1)
        mahalanobis = (centred.square().sum(dim=1) - inside) / self.s2
        log_det = m.log().sum() + (n_pixels - latent_dim) * self.s2.log()
        return -0.5 * (n_pixels * math.log(2 * math.pi) + log_det + mahalanobis)


def _components(flat: Tensor, latent_dim: int) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues of the covariance of ``flat`` (N, D), ascending, and its eigenvectors.

    With fewer data than dimensions, only those that are not 0 by necessity, from products of data:
    D x D numbers may be too many.
    """
    n, n_pixels = flat.shape
    mean = sum_in_float64(flat) / n
    if not latent_dim < n < n_pixels:
        covariance = mean.new_zeros(n_pixels, n_pixels)
        centred, products = mean.new_empty(min(n, _ROWS), n_pixels), torch.empty_like(covariance)
        for part in torch.split(flat, _ROWS):
            rows = torch.sub(part, mean, out=centred[: len(part)])
            covariance += torch.mm(rows.T, rows, out=products).div_(n)
        values, vectors = torch.linalg.eigh(covariance)
        return values, vectors
    centred = (flat - mean) / n**0.5
    values, combinations = torch.linalg.eigh(centred @ centred.T)
    scale = values.clamp(min=torch.finfo(values.dtype).tiny).sqrt()
    return values, centred.T @ combinations / scale
