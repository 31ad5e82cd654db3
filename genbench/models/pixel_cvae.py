"""The conditional VAE of the hidden part of an image given the shown part."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.core.tensors import float_dtype, independent_normal
from genbench.distributions.completion import Completion, ImageParts
from genbench.distributions.latent import StandardNormal
from genbench.models.latent_variable import LatentVariableModel
from genbench.nets.conditioned import ConditionedMlpDecoder


class PixelCvae(nn.Module):
    """p(x_hidden given c) = integral p(z given c) p(x_hidden given z, c) dz, c the shown pixels.

    p(z given c) = N(m(c), diag s(c)^2) from the prior network, or N(0, I) without one;
    q(z given x) = N(m_q(x), diag s_q(x)^2) from the encoder, which reads the whole image. The model
    has densities only once the shown pixels are bound: ``given_pixels(x)`` returns that view.

    Args:
        parts: Which pixels are shown.
        encoder: Image to features.
        posterior: Features to q(z given x), a diagonal Gaussian.
        decoder: Code and condition to the output for the hidden pixels.
        observation: Output to p(x_hidden given z, c).
        latent_dim: D.
        conditional_prior: Condition (B, n_shown) to p(z given c), a diagonal Gaussian.

    References:
        Sohn, Lee, Yan 2015, equations 3 to 5; Doersch 2016, section 3, where p(z given c) is
        N(0, I).
    """

    def __init__(
        self,
        parts: ImageParts,
        encoder: nn.Module,
        posterior: nn.Module,
        decoder: ConditionedMlpDecoder,
        observation: nn.Module,
        latent_dim: int,
        conditional_prior: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.parts = parts
        self.encoder = encoder
        self.posterior_head = posterior
        self.decoder = decoder
        self.observation_head = observation
        self.conditional_prior = conditional_prior
        self.standard_normal = StandardNormal(latent_dim)

    def given_pixels(self, x: Tensor) -> "PixelCvaeGiven":
        """Return the view of the model with the shown pixels of images x (B, ...) bound."""
        return PixelCvaeGiven(self, x)

    def hidden(self) -> Tensor:
        """Return which numbers of an image are hidden, (C, H, W) bool."""
        return self.parts.mask()


class PixelCvaeGiven(LatentVariableModel):
    """p(x_hidden, e given c) and q(e given x) for known c, with z = m(c) + s(c) e.

    In these coordinates the prior is N(0, I) for every image. Densities of x, KL and importance
    weights do not depend on the coordinates of the latent; an all-zero code adds nothing to the
    shown pixels. Images are whole: the shown pixels are copied.
    """

    def __init__(self, model: PixelCvae, x: Tensor) -> None:
        self._model = model
        self._x = x.reshape(len(x), *model.parts.image_shape)
        condition = model.parts.shown(x).to(float_dtype(model, x.dtype))
        self._loc, self._scale = _moments(model, condition)
        self._context = model.decoder.read(condition)
        self.latent_prior = model.standard_normal

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given e, c) of codes e (..., B, D): event (C, H, W)."""
        output = self._model.decoder(self._loc + self._scale * z, self._context)
        return Completion(self._model.observation_head(output), self._model.parts, self._x)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(e given x): batch (B,), event (D,)."""
        q = self._model.posterior_head(self._model.encoder(x)).base_dist
        return independent_normal((q.loc - self._loc) / self._scale, q.scale / self._scale)

    def sample(self, n: int) -> Tensor:
        """Return mean images of draws from the prior: n = B, one for each bound image."""
        if n != len(self._x):
            raise ValueError(f"cannot complete {n} images: {len(self._x)} are bound")
        return super().sample(n)


def _moments(model: PixelCvae, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and scale of p(z given c), each (B, D)."""
    if model.conditional_prior is None:
        zeros = condition.new_zeros(len(condition), model.standard_normal.latent_dim)
        return zeros, torch.ones_like(zeros)
    normal = model.conditional_prior(condition).base_dist
    return normal.loc, normal.scale
