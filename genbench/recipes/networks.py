"""Builds the encoder and decoder described by options, and initialises their weights."""

from collections.abc import Sequence

from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.registry import Registry
from genbench.nets.conv import ConvDecoder, ConvEncoder
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.recipes.options import Activation, NetworkOptions
from genbench.recipes.registry import DataFacts

IS_CONVOLUTIONAL = Registry("network", {"mlp": False, "conv": True})
IS_GLOROT = Registry("init", {"default": False, "glorot": True})


def initialise(model: nn.Module, options: NetworkOptions) -> None:
    """Redraw the weights of linear and convolutional layers if the options ask for it."""
    if not IS_GLOROT[options.init]:
        return
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def make_encoder(
    data: DataFacts,
    options: NetworkOptions,
    n_condition: int = 0,
    *,
    activation: Activation | None = None,
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> MlpEncoder | ConvEncoder:
    """Return the network from an image, and a condition of ``n_condition`` numbers, to features."""
    activation = activation or options.activation
    if not IS_CONVOLUTIONAL[options.network]:
        return MlpEncoder(
            data.n_pixels, options.hidden, activation, n_condition, dropout, batch_norm=batch_norm
        )
    _require_divisible(data, options)
    return ConvEncoder(
        data.image_shape,
        options.channels,
        options.hidden[0] if options.hidden else None,
        activation,
        n_condition,
        dropout,
        batch_norm=batch_norm,
    )


def make_decoder(
    data: DataFacts,
    options: NetworkOptions,
    n_per_pixel: int = 1,
    n_condition: int = 0,
    *,
    batch_norm: bool = False,
) -> MlpDecoder | ConvDecoder:
    """Return the network from a code and a condition to ``n_per_pixel`` numbers for each pixel."""
    n_inputs, shape = options.latent_dim + n_condition, output_shape(data.image_shape, n_per_pixel)
    if not IS_CONVOLUTIONAL[options.network]:
        hidden = options.hidden[::-1]
        return MlpDecoder(n_inputs, hidden, shape, options.activation, batch_norm=batch_norm)
    _require_divisible(data, options)
    channels = options.channels[::-1]
    return ConvDecoder(n_inputs, channels, shape, options.activation, batch_norm=batch_norm)


def output_shape(image_shape: Sequence[int], n_per_pixel: int) -> tuple[int, int, int]:
    """Return the shape of a decoder's output with ``n_per_pixel`` numbers for each pixel."""
    n_channels, height, width = image_shape
    return n_per_pixel * n_channels, height, width


def _require_divisible(data: DataFacts, options: NetworkOptions) -> None:
    _, height, width = data.image_shape
    n = len(options.channels)
    most = sum(not (height % 2**k or width % 2**k) for k in range(1, n + 1))
    if most < n:
        times = "once" if n == 1 else f"{n} times"
        fewer = f"use at most {most} of them, or " if most else "use "
        raise ConfigError(
            f"channels: a {height}x{width} image cannot be halved {times}, as each of the {n} "
            f'channels does; {fewer}network = "mlp"'
        )
