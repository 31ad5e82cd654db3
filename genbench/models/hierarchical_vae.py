"""The VAE with several layers of latents."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.distributions.chain import Chain
from genbench.distributions.latent import DiagonalNormal
from genbench.models.vae import Vae
from genbench.nets.mlp import layers


class HierarchicalVae(Vae):
    """p(z_L) p(z_(L-1) given z_L) ... p(x given z_1) and q(z_1 given x) ... q(z_L given z_(L-1)).

    p(z_L) = N(0, I); every other p and q between latents is a diagonal Gaussian, whose moments are
    a network of the neighbouring latent. A code z = (z_1, ..., z_L) holds all of them, z_1 first,
    which alone the decoder reads. Neither the KL divergence of q nor its mean has a closed form.

    Args:
        parts: Encoder, posterior head, decoder and observation head, as for :class:`Vae`.
        sizes: D_1, ..., D_L.
        hidden: Sizes of the layers of each network between latents, from the side of the image.
        activation: Between them.

    References:
        Burda, Grosse, Salakhutdinov 2016, section 2 and equations 1 and 2.
    """

    def __init__(
        self, *parts: Any, sizes: Sequence[int], hidden: Sequence[int], activation: str
    ) -> None:
        encoder, posterior, decoder, observation = parts
        super().__init__(encoder, posterior, decoder, observation, sizes[-1])
        self.sizes = tuple(sizes)
        pairs = list(pairwise(sizes))
        self.upward = nn.ModuleList(
            _network(below, hidden, above, activation) for below, above in pairs
        )
        self.downward = nn.ModuleList(
            _network(above, hidden[::-1], below, activation) for below, above in reversed(pairs)
        )

    def prior(self) -> Distribution:
        """Return p(z), from z_L down: batch (), event (D_1 + ... + D_L,)."""
        sizes = self.sizes[::-1]
        return Chain(self.latent_prior(), list(self.downward), sizes, backwards=True)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x), from z_1 up: batch (B,), event (D_1 + ... + D_L,)."""
        return Chain(super().posterior(x), list(self.upward), self.sizes)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z_1): batch = leading dimensions of z, event (C, H, W)."""
        return super().observation_model(z[..., : self.sizes[0]])

    def encode(self, x: Tensor) -> Tensor:
        """Return the mean of q(z_1 given x), and of each other latent given the one below it."""
        means = [super().posterior(x).mean]
        for link in self.upward:
            means.append(link(means[-1]).mean)
        return torch.cat(means, dim=-1)


def _network(n_inputs: int, hidden: Sequence[int], size: int, activation: str) -> nn.Sequential:
    """Return the network from one latent (..., n_inputs) to the Gaussian of its neighbour."""
    body = layers((n_inputs, *hidden), activation)
    return nn.Sequential(body, DiagonalNormal(hidden[-1] if hidden else n_inputs, size))
