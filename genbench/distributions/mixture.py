"""A mixture of Gaussians as the prior."""

import torch
from torch import nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from genbench.core.tensors import independent_normal


class MixturePrior(nn.Module):
    """p(z2) = sum_k w_k N(z2; m_k, diag s_k^2): z1 ~ Categorical(w) is summed out, exactly.

    Weights, means and scales are learned. At the start the weights are equal, the scales are 1 and
    the means are drawn from N(0, I), because components with equal means would stay identical.
    """

    def __init__(self, latent_dim: int, n_components: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.loc = nn.Parameter(torch.randn(n_components, latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(n_components, latent_dim))

    def weights(self) -> Categorical:
        """Return p(z1), a distribution over 0 to K - 1."""
        return Categorical(logits=self.logits, validate_args=False)

    def components(self) -> Distribution:
        """Return p(z2 given z1) for every z1: batch (K,), event (D,)."""
        return independent_normal(self.loc, self.log_scale.exp())

    def forward(self) -> MixtureSameFamily:
        """Return p(z2): batch (), event (D,)."""
        return MixtureSameFamily(self.weights(), self.components(), validate_args=False)
