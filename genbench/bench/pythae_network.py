"""A dense VAE in the classes that pythae requires; pythae is imported only when one is built."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    parts = [layer for n in pairwise(sizes) for layer in (nn.Linear(*n), nn.ReLU())]
    return nn.Sequential(*parts)


def _encoder(n_pixels: int, hidden: Sequence[int], latent_dim: int) -> Any:
    """Return the network from an image to mean and log variance."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseEncoder

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = (n_pixels, *hidden)
            self.body = _layers(sizes)
            self.mean, self.log_variance = (nn.Linear(sizes[-1], latent_dim) for _ in range(2))

        def forward(self, x: Tensor) -> Any:
            features = self.body(x.flatten(1))
            mean, log_variance = self.mean(features), self.log_variance(features)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    return Encoder()


def _decoder(latent_dim: int, hidden: Sequence[int], shape: Sequence[int]) -> Any:
    """Return the network from a code to an image."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = (latent_dim, *reversed(hidden))
            output = nn.Linear(sizes[-1], torch.Size(shape).numel())
            self.body = nn.Sequential(_layers(sizes), output, nn.Sigmoid())

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.body(z).reshape(-1, *shape))

    return Decoder()


def vae(shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> Any:
    """Return pythae's VAE of these sizes with Bernoulli pixels."""
    from pythae.models import VAE, VAEConfig

    config = VAEConfig(input_dim=tuple(shape), latent_dim=latent_dim, reconstruction_loss="bce")
    encoder = _encoder(torch.Size(shape).numel(), hidden, latent_dim)
    return VAE(config, encoder, _decoder(latent_dim, hidden, shape))
