"""Gaussians with a full covariance for each datum, and their mixtures with another distribution."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution


class FullNormal(Distribution):
    """N(loc, L L^T) for each of B data, whose draws are one product of matrices.

    Args:
        loc: (B, D).
        scale_tril: L, (B, D, D).
    """

    def __init__(self, loc: Tensor, scale_tril: Tensor) -> None:
        self.loc, self.scale_tril = loc, scale_tril
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw (k, B, D)."""
        shape = self._extended_shape(sample_shape)
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + times(self.scale_tril, noise)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, (k, B)."""
        apart = (value - self.loc).permute(1, 2, 0)  # (B, D, k)
        noise = torch.linalg.solve_triangular(self.scale_tril, apart, upper=False)
        log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        constant = self.loc.shape[-1] * math.log(2 * math.pi)
        log_density: Tensor = -0.5 * (constant + noise.square().sum(dim=-2).T) - log_det
        return log_density


class DefensiveMixture(Distribution):
    """share q + (1 - share) other for each datum; each draw chooses its component by itself.

    Args:
        q: Batch (B,), event (D,); reparameterised.
        other: The same.
        share: (B,), probability of q. Where it is 1, draws are those of q alone.
    """

    def __init__(self, q: Distribution, other: Distribution, share: Tensor) -> None:
        self.q, self.other, self.share = q, other, share
        super().__init__(q.batch_shape, q.event_shape, validate_args=False)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw (k, B, D)."""
        of_q, of_other = self.q.rsample(sample_shape), self.other.rsample(sample_shape)
        chosen = torch.rand(of_q.shape[:-1], dtype=of_q.dtype, device=of_q.device) < self.share
        return torch.where(chosen.unsqueeze(-1), of_q, of_other)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the mixture, (k, B)."""
        log_q = self.q.log_prob(value) + self.share.log()
        return torch.logaddexp(log_q, self.other.log_prob(value) + (-self.share).log1p())


def times(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Return M_b v_kb for matrices (B, D, D) and vectors (k, B, D)."""
    products: Tensor = torch.einsum("bij,kbj->kbi", matrix, vectors)
    return products
