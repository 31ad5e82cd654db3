"""Small convolutional networks."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from genbench.nets.mlp import ACTIVATIONS


def normalised(n_channels: int, activation: str, *, batch_norm: bool) -> list[nn.Module]:
    """Return an activation, after batch norm if requested."""
    norm: list[nn.Module] = [nn.BatchNorm2d(n_channels)] if batch_norm else []
    return [*norm, ACTIVATIONS[activation]()]


class Convolutions(nn.Module):
    """Layers whose weights have the memory layout that suits their device.

    A processor is about a third faster with the channels last. On a GPU they come first: float32
    convolutions gain nothing there, and ``torch.func.vmap``, which trains seeds together, cannot
    batch the other layout.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the weights as ``fn`` says, as every ``to`` does, and lay them out anew."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for weight in (p for p in self.parameters() if p.ndim == 4):
            last = weight.device.type == "cpu"
            layout = torch.channels_last if last else torch.contiguous_format
            weight.data = weight.data.contiguous(memory_format=layout)
        return self


class ConvEncoder(Convolutions):
    """Image (B, C, H, W), with an optional condition (B, N), to features (B, n_features).

    Each 4x4 convolution of stride 2 halves height and width. The condition is concatenated to the
    flattened feature maps before the last, dense layer; with ``n_features = None`` that layer is
    omitted and the maps are the features. Batch norm, if requested, skips the first layer.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        channels: Sequence[int],
        n_features: int | None,
        activation: str,
        n_condition: int = 0,
        dropout: float = 0.0,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        n_channels, height, width = image_shape
        stack: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise((n_channels, *channels))):
            stack.append(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1))
            stack += normalised(n_out, activation, batch_norm=batch_norm and i > 0)
            if dropout:
                stack.append(nn.Dropout(dropout))
        self.maps = nn.Sequential(*stack)
        shrink = 2 ** len(channels)
        n_joined = channels[-1] * (height // shrink) * (width // shrink) + n_condition
        self.dense = nn.Sequential()
        if n_features is not None:
            self.dense.extend([nn.Linear(n_joined, n_features), ACTIVATIONS[activation]()])
        self.n_features = n_joined if n_features is None else n_features
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return features (B, n_features)."""
        maps = self.maps(x).flatten(1)
        joined = maps if condition is None else torch.cat((maps, condition), dim=1)
        features: Tensor = self.dense(joined)
        return features


class ConvDecoder(Convolutions):
    """Codes (..., n_inputs) to an output image (..., channels, H, W); any leading dimensions.

    The mirror of :class:`ConvEncoder`: ``channels`` run from the coarsest map to the finest. The
    last doubling is a 3x3 convolution whose channels are shuffled into pixels, which costs less
    than a transposed convolution at full size.
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
            stack += normalised(n_in, activation, batch_norm=batch_norm)
            stack.append(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1))
        stack += normalised(channels[-1], activation, batch_norm=batch_norm)
        self.maps = nn.Sequential(*stack)
        self.output = nn.Conv2d(channels[-1], 4 * n_outputs, 3, padding=1)
        self.to_pixels = nn.PixelShuffle(2)
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor) -> Tensor:
        """Return (..., channels, H, W)."""
        flat = z.reshape(-1, z.shape[-1])
        coarse = self.maps(self.dense(flat).unflatten(1, self.start_shape))
        image: Tensor = self.to_pixels(self.output(coarse))
        return image.reshape(*z.shape[:-1], *image.shape[1:])

    def start_at(self, image: Tensor) -> None:
        """Set the output bias to each channel's mean of this image."""
        with torch.no_grad():
            means = image.mean(dim=(1, 2))
            self.output.bias.copy_(means.repeat_interleave(4))  # type: ignore[union-attr]
