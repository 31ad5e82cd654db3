"""What every latent-variable model derives from its distributions."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

Prior = Callable[[], Distribution]
Head = Callable[[Tensor], Distribution]
"""Features -> q(z given x), or the output of a decoder -> p(x given z)."""


class GenerativeModel(ABC):
    """Mean images and samples, derived from prior and observation model."""

    latent_prior: Prior

    def prior(self) -> Distribution:
        """Return p(z), by default that of ``latent_prior``: batch (), event (D,)."""
        return self.latent_prior()

    @abstractmethod
    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event (C, H, W)."""

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean image of each code."""
        return self.observation_model(z).mean

    def sample(self, n: int) -> Tensor:
        """Return the mean images of n draws from the prior."""
        return self.decode(self.prior().sample(torch.Size((n,))))


class LatentVariableModel(GenerativeModel):
    """Codes, mean images and samples, derived from prior, observation model and posterior."""

    @abstractmethod
    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the posterior mean (B, D)."""
        return self.posterior(x).mean
