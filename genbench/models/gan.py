"""The generative adversarial network."""

import torch
from torch import Tensor, nn

from genbench.distributions.latent import StandardNormal


class Gan(nn.Module):
    """A generator of images in (0, 1) from z ~ N(0, I), and a critic of real against generated.

    It samples; it has no density of images.

    References:
        Goodfellow et al. 2014.
    """

    def __init__(
        self, generator: nn.Module, critic: nn.Module, n_features: int, latent_dim: int
    ) -> None:
        super().__init__()
        self.generator = generator
        self.critic_body = critic
        self.critic_output = nn.Linear(n_features, 1)
        self.standard_normal = StandardNormal(latent_dim)

    def sample(self, n: int) -> Tensor:
        """Return n generated images."""
        z = self.standard_normal().sample(torch.Size((n,)))
        image: Tensor = self.generator(z)
        return image.sigmoid()

    def critic(self, x: Tensor) -> Tensor:
        """Return logits (B,) that x is real."""
        logits: Tensor = self.critic_output(self.critic_body(2 * x - 1)).squeeze(-1)
        return logits
