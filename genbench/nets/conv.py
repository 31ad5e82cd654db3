"""Small convolutional networks, Tensor -> Tensor. Imports torch only."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from genbench.nets.mlp import ACTIVATIONS


class ConvEncoder(nn.Module):
    """Image (B, C, H, W), with an optional condition (B, N), to features (B, n_features).

    Each 4x4 convolution of stride 2 halves height and width. The condition joins the flattened
    feature maps before the last, dense layer.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        channels: Sequence[int],
        n_features: int,
        activation: str,
        n_condition: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        n_channels, height, width = image_shape
        stack: list[nn.Module] = []
        for n_in, n_out in pairwise((n_channels, *channels)):
            stack += [nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), ACTIVATIONS[activation]()]
            if dropout:
                stack.append(nn.Dropout(dropout))
        self.maps = nn.Sequential(*stack)
        shrink = 2 ** len(channels)
        n_maps = channels[-1] * (height // shrink) * (width // shrink)
        dense = nn.Linear(n_maps + n_condition, n_features)
        self.dense = nn.Sequential(dense, ACTIVATIONS[activation]())
        self.n_features = n_features

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return features (B, n_features)."""
        maps = self.maps(x).flatten(1)
        joined = maps if condition is None else torch.cat((maps, condition), dim=1)
        features: Tensor = self.dense(joined)
        return features


class ConvDecoder(nn.Module):
    """Codes (..., n_inputs) to an output image (..., channels, H, W); any leading dimensions.

    The mirror of :class:`ConvEncoder`: ``channels`` run from the coarsest map to the finest.
    """

    def __init__(
        self,
        n_inputs: int,
        channels: Sequence[int],
        output_shape: Sequence[int],
        activation: str,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        n_outputs, height, width = output_shape
        shrink = 2 ** len(channels)
        self.start_shape = (channels[0], height // shrink, width // shrink)
        self.dense = nn.Linear(n_inputs, torch.Size(self.start_shape).numel())
        stack: list[nn.Module] = []
        for n_in, n_out in pairwise(channels):
            stack += self._normalised(n_in, activation, batch_norm=batch_norm)
            stack.append(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1))
        stack += self._normalised(channels[-1], activation, batch_norm=batch_norm)
        self.maps = nn.Sequential(*stack)
        self.output = nn.ConvTranspose2d(channels[-1], n_outputs, 4, stride=2, padding=1)

    @staticmethod
    def _normalised(n_channels: int, activation: str, *, batch_norm: bool) -> list[nn.Module]:
        norm: list[nn.Module] = [nn.BatchNorm2d(n_channels)] if batch_norm else []
        return [*norm, ACTIVATIONS[activation]()]

    def forward(self, z: Tensor) -> Tensor:
        """Return (..., channels, H, W)."""
        flat = z.reshape(-1, z.shape[-1])
        image: Tensor = self.output(self.maps(self.dense(flat).unflatten(1, self.start_shape)))
        return image.reshape(*z.shape[:-1], *image.shape[1:])

    def start_at(self, image: Tensor) -> None:
        """Set the output bias to each channel's mean of this image."""
        with torch.no_grad():
            self.output.bias.copy_(image.mean(dim=(1, 2)))  # type: ignore[union-attr]
