"""A network from the shown part of an image to the hidden part: the baseline without a latent."""

from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.core.tensors import float_dtype
from genbench.distributions.completion import Completion, ImageParts


class PixelPredictor(nn.Module):
    """p(x_hidden given c) = prod_i p(x_i given f_i(c)), c the shown pixels, f a network.

    The hidden pixels are independent of each other given the shown ones, so the log density is
    exact; for Bernoulli pixels it is the negative cross-entropy.

    References:
        Sohn, Lee, Yan 2015, section 5.1: the baseline network.
    """

    def __init__(self, parts: ImageParts, network: nn.Module, observation: nn.Module) -> None:
        super().__init__()
        self.parts = parts
        self.network = network
        self.observation_head = observation

    def given_pixels(self, x: Tensor) -> "PixelPredictorGiven":
        """Return the view of the model with the shown pixels of images x (B, ...) bound."""
        return PixelPredictorGiven(self, x)

    def hidden(self) -> Tensor:
        """Return which numbers of an image are hidden, (C, H, W) bool."""
        return self.parts.mask()


class PixelPredictorGiven:
    """p(x_hidden given c) for known c; images are whole, with the shown pixels copied."""

    def __init__(self, model: PixelPredictor, x: Tensor) -> None:
        self._model = model
        self.is_mass = model.observation_head.measure == "mass"
        self._x = x.reshape(len(x), *model.parts.image_shape)

    def distribution(self) -> Distribution:
        """Return p(x given c): batch (B,), event (C, H, W)."""
        model = self._model
        condition = model.parts.shown(self._x)
        condition = condition.to(float_dtype(model, condition.dtype))
        return Completion(model.observation_head(model.network(condition)), model.parts, self._x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x_hidden given c), (B,) in nats."""
        return self.distribution().log_prob(x.reshape(self._x.shape))

    def sample(self, n: int) -> Tensor:
        """Return the mean images: n = B, one for each bound image; nothing is sampled."""
        if n != len(self._x):
            raise ValueError(f"cannot complete {n} images: {len(self._x)} are bound")
        return self.distribution().mean
