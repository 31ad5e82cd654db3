"""Small convolutional networks, of which one layer is a space of features."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from genbench.nets.conv import Convolutions

HIDDEN = 256
"""Units between the features of an autoencoder and its pixels."""
_DARKEST = 0.01
"""Intensity that a pixel that is always black starts at."""


class Encoder(Convolutions):
    """Images (B, C, H, W) in [0, 1] to features (B, dim).

    Two 5x5 convolutions of stride 2 with 16 and 32 channels, then a dense layer.
    """

    def __init__(self, image_shape: Sequence[int], dim: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.image_shape = (channels, height, width)
        self.dim = dim
        self.maps = nn.Sequential(
            nn.Conv2d(channels, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2),
            nn.ReLU(),
        )
        n_maps = 32 * -(-height // 4) * -(-width // 4)
        self.dense = nn.Sequential(nn.Linear(n_maps, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, dim)."""
        features: Tensor = self.dense(self.maps(x).flatten(1))
        return features


class Classifier(Encoder):
    """The encoder with features in (-1, 1), which a linear head maps to the logits of classes."""

    def __init__(self, image_shape: Sequence[int], dim: int, n_classes: int) -> None:
        super().__init__(image_shape, dim)
        self.n_classes = n_classes
        self.dense.append(nn.Tanh())
        self.head = nn.Linear(dim, n_classes)
        self.float()

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor], image_shape: Sequence[int]) -> Self:
        """Return the classifier of images of a shape that has these weights.

        Raises:
            ValueError: They are those of another network; says which tensor differs.
        """
        head = weights.get("head.weight")
        if head is None or head.ndim != 2 or 0 in head.shape:
            raise ValueError("there is no head.weight (n_classes, dim)")
        n_classes, dim = head.shape
        network = cls(image_shape, dim, n_classes)
        for name, own in network.state_dict().items():
            found = weights.get(name)
            if found is None or found.shape != own.shape or found.dtype != own.dtype:
                what = "nothing" if found is None else f"{tuple(found.shape)} {found.dtype}"
                raise ValueError(f"{name}: expected {tuple(own.shape)} {own.dtype}, found {what}")
            if not found.isfinite().all():
                raise ValueError(f"{name} is not finite")
        if unknown := sorted(weights.keys() - network.state_dict().keys()):
            raise ValueError(f"unknown tensor {unknown[0]}")
        network.load_state_dict(dict(weights))
        return network


class Autoencoder(Encoder):
    """The encoder whose features a dense network maps back to the logits of pixels (B, D).

    A bounded code would saturate where two small layers stand between it and the pixels.
    """

    def __init__(self, image_shape: Sequence[int], dim: int) -> None:
        super().__init__(image_shape, dim)
        self.decoder = nn.Sequential(nn.Linear(dim, HIDDEN), nn.ReLU())
        self.output = nn.Linear(HIDDEN, torch.Size(image_shape).numel())
        self.float()

    def start_at(self, image: Tensor) -> None:
        """Reconstruct this image (C, H, W) at first, in place of every one."""
        with torch.no_grad():
            self.output.bias.copy_(image.flatten().clamp(_DARKEST, 1 - _DARKEST).logit())

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of the pixels (B, D) that the features of ``x`` stand for."""
        pixels: Tensor = self.output(self.decoder(self(x)))
        return pixels

    def reconstruction(self, x: Tensor) -> Tensor:
        """Return the images (B, C, H, W) that the features of ``x`` stand for."""
        return self.logits(x).sigmoid().view_as(x)
