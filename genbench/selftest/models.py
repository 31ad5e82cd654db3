"""Models for the checks: shipped ones with something removed or deliberately wrong."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, Uniform

from genbench.models.linear_gaussian import LinearGaussian


class WithoutLogProb(nn.Module):
    """The linear-Gaussian model without its log p(x), which must then be estimated.

    Args:
        model: A fitted one.
        shift: Added to the posterior mean, in posterior standard deviations, (latent_dim,).
        stretch: Factor of the posterior standard deviation.
    """

    def __init__(
        self, model: LinearGaussian, shift: Tensor | float = 0.0, stretch: float = 1.0
    ) -> None:
        super().__init__()
        self.model, self.stretch = model, stretch
        self.shift = nn.Buffer(torch.as_tensor(shift))

    def prior(self) -> Distribution:
        """Return p(z)."""
        return self.model.prior()

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z)."""
        return self.model.observation_model(z)

    def posterior(self, x: Tensor) -> Distribution:
        """Return the true posterior, shifted and stretched."""
        true: Any = self.model.posterior(x)
        loc, scale = true.base_dist.loc, true.base_dist.scale
        return Independent(Normal(loc + self.shift * scale, scale * self.stretch), 1)


class WithLogProb(WithoutLogProb):
    """The same with its log p(x)."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,)."""
        return self.model.log_prob(x)


class Labelled(nn.Module):
    """A conditional model: p(x given y) is p(x) of a model, shifted by an offset for each label.

    Args:
        model: Any model with the three distributions.
        offsets: (n_classes, ...), one image for each label.
    """

    def __init__(self, model: Any, offsets: Tensor) -> None:
        super().__init__()
        self.model, self.offsets = model, nn.Buffer(offsets)
        self.n_classes = len(offsets)

    def given(self, y: Tensor) -> "ShiftedImages":
        """Return the view with the labels y (B,) bound."""
        return ShiftedImages(self.model, self.offsets[y])


class ShiftedImages:
    """A model whose images are shifted by offsets (B, ...), one for each datum."""

    def __init__(self, model: Any, offset: Tensor) -> None:
        self.model, self.offset = model, offset

    def prior(self) -> Distribution:
        """Return p(z)."""
        p: Distribution = self.model.prior()
        return p

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z) for z (..., B, D)."""
        p = self.model.observation_model(z)
        ndim = len(p.event_shape)
        return Independent(Normal(p.base_dist.loc + self.offset, p.base_dist.scale), ndim)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x)."""
        q: Distribution = self.model.posterior(x - self.offset)
        return q


class UniformCode(nn.Module):
    """z uniform on [-limit, limit]^D and x given z ~ N(z, scale^2 I): a bounded latent."""

    def __init__(self, n_dims: int, limit: float, scale: float) -> None:
        super().__init__()
        self.high = nn.Buffer(torch.full((n_dims,), limit, dtype=torch.float64))
        self.scale = scale

    def prior(self) -> Distribution:
        """Return p(z)."""
        return Independent(Uniform(-self.high, self.high, validate_args=False), 1)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z)."""
        return Independent(Normal(z, self.scale), 1)


class FixedSamples(nn.Module):
    """A sampler that returns the same images each time, in order."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Buffer(images)

    def sample(self, n: int) -> Tensor:
        """Return the first n images."""
        return self.images[:n]
