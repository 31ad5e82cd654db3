"""The networks of a dense VAE in the classes that pythae wants. Importing it needs pythae."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    parts = [layer for n in pairwise(sizes) for layer in (nn.Linear(*n), nn.ReLU())]
    return nn.Sequential(*parts)


class Encoder(BaseEncoder):  # type: ignore[misc]
    """Image to mean and log variance."""

    def __init__(self, n_pixels: int, hidden: Sequence[int], latent_dim: int) -> None:
        super().__init__()
        sizes = (n_pixels, *hidden)
        self.body = _layers(sizes)
        self.mean, self.log_variance = (nn.Linear(sizes[-1], latent_dim) for _ in range(2))

    def forward(self, x: Tensor) -> Any:
        """Return what pythae reads of an encoder."""
        features = self.body(x.flatten(1))
        return ModelOutput(
            embedding=self.mean(features), log_covariance=self.log_variance(features)
        )


class Decoder(BaseDecoder):  # type: ignore[misc]
    """Code to image."""

    def __init__(self, latent_dim: int, hidden: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        sizes = (latent_dim, *reversed(hidden))
        self.shape = tuple(shape)
        n_pixels = torch.Size(self.shape).numel()
        self.body = nn.Sequential(_layers(sizes), nn.Linear(sizes[-1], n_pixels), nn.Sigmoid())

    def forward(self, z: Tensor) -> Any:
        """Return what pythae reads of a decoder."""
        return ModelOutput(reconstruction=self.body(z).reshape(-1, *self.shape))


def vae(shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> Any:
    """Return pythae's VAE of these sizes with Bernoulli pixels."""
    config = VAEConfig(input_dim=tuple(shape), latent_dim=latent_dim, reconstruction_loss="bce")
    encoder = Encoder(torch.Size(shape).numel(), hidden, latent_dim)
    return VAE(config, encoder, Decoder(latent_dim, hidden, shape))
