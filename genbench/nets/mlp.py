"""Multilayer perceptrons, Tensor -> Tensor. Imports torch only."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.2),
}


def layers(
    sizes: Sequence[int], activation: str, dropout: float = 0.0, *, batch_norm: bool = False
) -> nn.Sequential:
    """Stack linear layers, each with its activation, and batch norm and dropout where asked."""
    stack: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        norm: list[nn.Module] = [nn.BatchNorm1d(n_out)] if batch_norm else []
        stack += [nn.Linear(n_in, n_out), *norm, ACTIVATIONS[activation]()]
        if dropout:
            stack.append(nn.Dropout(dropout))
    return nn.Sequential(*stack)


class MlpEncoder(nn.Module):
    """Image (B, C, H, W), with an optional condition (B, N), to features (B, n_features)."""

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        activation: str,
        n_condition: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.body = layers((n_inputs + n_condition, *hidden), activation, dropout)
        self.n_features = hidden[-1] if hidden else n_inputs + n_condition

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return features (B, n_features)."""
        flat = x.flatten(1)
        joined = flat if condition is None else torch.cat((flat, condition), dim=1)
        features: Tensor = self.body(joined)
        return features


class MlpDecoder(nn.Module):
    """Codes (..., n_inputs) to an output image (..., channels, H, W); any leading dimensions."""

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        output_shape: Sequence[int],
        activation: str,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        self.body = layers((n_inputs, *hidden), activation, batch_norm=batch_norm)
        n_outputs = torch.Size(self.output_shape).numel()
        self.output = nn.Linear(hidden[-1] if hidden else n_inputs, n_outputs)

    def forward(self, z: Tensor) -> Tensor:
        """Return (..., channels, H, W)."""
        image: Tensor = self.output(self.body(z)).unflatten(-1, self.output_shape)
        return image

    def start_at(self, image: Tensor) -> None:
        """Set the output bias, so that an untrained network answers with about this image."""
        with torch.no_grad():
            self.output.bias.copy_(image.flatten())
