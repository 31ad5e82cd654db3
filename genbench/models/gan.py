"""The generative adversarial network."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.distributions.latent import StandardNormal
from genbench.models.latent_variable import Prior


class Gan(nn.Module):
    """A generator of images in (0, 1) from z ~ p(z), and a critic that tells them from real ones.

    It has samples but no density of images. p(z) is N(0, I) unless a ``prior`` is given. The critic
    gets pixels scaled to [-1, 1], or unscaled if ``centred`` is false.

    References:
        Goodfellow et al. 2014.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        n_features: int,
        latent_dim: int,
        prior: Prior | None = None,
        *,
        centred: bool = True,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.critic_body = critic
        self.critic_output = nn.Linear(n_features, 1)
        self.latent_prior = prior or StandardNormal(latent_dim)
        self.centred = centred

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        return self.latent_prior()

    def decode(self, z: Tensor) -> Tensor:
        """Return the generated image of each z, pixels in (0, 1); any leading dimensions.

        They form one batch for the generator, whose batch norm expects one batch dimension.
        """
        image: Tensor = self.generator(z.reshape(-1, z.shape[-1])).sigmoid()
        return image.reshape(*z.shape[:-1], *image.shape[1:])

    def sample(self, n: int) -> Tensor:
        """Return n generated images."""
        return self.decode(self.prior().sample(torch.Size((n,))))

    def critic(self, x: Tensor) -> Tensor:
        """Return logits (B,) that x is real."""
        pixels = 2 * x - 1 if self.centred else x
        logits: Tensor = self.critic_output(self.critic_body(pixels)).squeeze(-1)
        return logits
