"""Autoregressive models: an image number by number, each given those before it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.core.tensors import float_dtype
from genbench.distributions.observation import ObservationHead
from genbench.nets.masked import MaskedMlp, Unrolled


class Made(nn.Module):
    """log p(x) = sum_i log p(x_i given x_1 ... x_{i-1}) by one masked network: exact.

    The numbers of an image come in the order in which they are stored: channel by channel, in each
    the rows from the top and in a row from the left.

    Args:
        image_shape: (C, H, W).
        network: Its outputs for number i depend on the numbers before i only.
        observation: A head whose distribution of a pixel depends on the outputs for that pixel.

    Attributes:
        is_mass: Whether p(x) is a mass of images, not a density.

    References:
        Germain, Gregor, Murray, Larochelle 2015, section 3.
    """

    def __init__(
        self, image_shape: Sequence[int], network: MaskedMlp, observation: ObservationHead
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.network = network
        self.observation_head = observation
        self.is_mass = observation.measure == "mass"

    def conditionals(self, x: Tensor) -> Distribution:
        """Return p(x_i given x_1 ... x_{i-1}) of all i: batch (B,), event (C, H, W)."""
        return self.observation_head(self.network(x.flatten(1)))

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats."""
        x = x.reshape(len(x), *self.image_shape)
        x = x.to(float_dtype(self, x.dtype))
        return self.conditionals(x).log_prob(x)

    def pixel_by_pixel(self, n: int) -> "PixelByPixel":
        """Return n images of which no pixel is known yet."""
        return PixelByPixel(self, n)

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x); Gaussian ones are not clipped to (0, 1)."""
        images = self.pixel_by_pixel(n)
        for _ in range(torch.Size(self.image_shape).numel()):
            images.put(images.next().sample())
        return images.so_far()


class PixelByPixel:
    """n images that grow by one number at a time."""

    def __init__(self, model: Made, n: int) -> None:
        self._model = model
        self._network = Unrolled(model.network, n)

    def next(self) -> Distribution:
        """Return p(x_i given the numbers so far) of the next i: batch (n,), event (1, 1, 1)."""
        return self._model.observation_head(self._network.output()[..., None, None])

    def put(self, x: Tensor) -> None:
        """Take the next number of each image, (n, 1, 1, 1)."""
        self._network.put(x.flatten())

    def so_far(self) -> Tensor:
        """Return the images (n, C, H, W); their numbers that are not known yet are 0."""
        return self._network.rows().reshape(-1, *self._model.image_shape)
