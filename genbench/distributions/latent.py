"""Priors and posterior heads over the latent. Imports torch only.

Distributions are built with ``validate_args=False``: torch's own checks would cost a device
synchronisation per step; a non-finite loss is caught by the training loop and the evaluators.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.nn.functional import softplus


class StandardNormal(nn.Module):
    """The prior N(0, I) over D dimensions, on whatever device and dtype the module lives."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)

    def forward(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        loc: Tensor = self.get_buffer("loc")
        normal = Normal(loc, torch.ones_like(loc), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class DiagonalNormal(nn.Module):
    """The posterior head N(loc(h), diag scale(h)^2); softplus keeps the scale positive."""

    def __init__(self, n_features: int, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, 2 * latent_dim)

    def forward(self, features: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        loc, raw = self.linear(features).chunk(2, dim=-1)
        normal = Normal(loc, softplus(raw) + 1e-6, validate_args=False)
        return Independent(normal, 1, validate_args=False)
