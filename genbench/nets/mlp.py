"""Multilayer perceptrons."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from genbench.core.registry import Registry

ACTIVATIONS: Registry[Callable[[], nn.Module]] = Registry(
    "activation",
    {
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
        "elu": nn.ELU,
        "silu": nn.SiLU,
        "leaky_relu": partial(nn.LeakyReLU, 0.2),
    },
)


def layers(
    sizes: Sequence[int],
    activation: str,
    dropout: float = 0.0,
    *,
    batch_norm_from: int | None = None,
) -> nn.Sequential:
    """Stack linear layers with activations, dropout, and batch norm from a given layer on."""
    stack: list[nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        normalised = batch_norm_from is not None and i >= batch_norm_from
        norm: list[nn.Module] = [nn.BatchNorm1d(n_out)] if normalised else []
        stack += [nn.Linear(n_in, n_out), *norm, ACTIVATIONS[activation]()]
        if dropout:
            stack.append(nn.Dropout(dropout))
    return nn.Sequential(*stack)


class MlpEncoder(nn.Module):
    """Image (B, C, H, W), with an optional condition (B, N), to features (B, n_features).

    Batch norm, if requested, skips the first layer.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        activation: str,
        n_condition: int = 0,
        dropout: float = 0.0,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        sizes = (n_inputs + n_condition, *hidden)
        start = 1 if batch_norm else None
        self.body = layers(sizes, activation, dropout, batch_norm_from=start)
        self.n_features = sizes[-1]

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
        sizes = (n_inputs, *hidden)
        self.body = layers(sizes, activation, batch_norm_from=0 if batch_norm else None)
        self.output = nn.Linear(sizes[-1], torch.Size(self.output_shape).numel())

    def forward(self, z: Tensor) -> Tensor:
        """Return (..., channels, H, W)."""
        image: Tensor = self.output(self.body(z)).unflatten(-1, self.output_shape)
        return image

    def start_at(self, image: Tensor) -> None:
        """Set the output bias so that an untrained network returns roughly this image."""
        with torch.no_grad():
            self.output.bias.copy_(image.flatten())
