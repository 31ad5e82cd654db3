"""Decoders without an encoder: the posterior is a free parameter, per datum or shared."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.core.tensors import independent_normal
from genbench.distributions.latent import StandardNormal
from genbench.models.latent_variable import GenerativeModel, Head, LatentVariableModel


class FreeNormal(nn.Module):
    """Gaussians N(loc_n, diag scale_n^2) with free parameters, n = 0 to N - 1.

    They start at the prior N(0, I).
    """

    def __init__(self, n: int, latent_dim: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(n, latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(n, latent_dim))

    def forward(self, index: Tensor) -> Distribution:
        """Return the Gaussians at ``index`` (B,): batch (B,), event (D,)."""
        return independent_normal(self.loc[index], self.log_scale[index].exp())


class FreePosteriorVae(nn.Module, GenerativeModel):
    """p(z) = N(0, I), p(x given z) from a decoder, and ``n`` free Gaussians q(z)."""

    def __init__(self, decoder: nn.Module, observation: Head, latent_dim: int, n: int = 1) -> None:
        super().__init__()
        self.decoder = decoder
        self.observation_head = observation
        self.latent_prior = StandardNormal(latent_dim)
        self.free = FreeNormal(n, latent_dim)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event (C, H, W)."""
        return self.observation_head(self.decoder(z))


class PerDatumVae(FreePosteriorVae):
    """A decoder, and q_n(z) = N(loc_n, diag scale_n^2) for each of the ``n`` training images.

    An image outside the training set has no q, so there is no ``posterior(x)``; ``at(index)``
    returns a view that has one. Whatever needs no posterior (samples, annealed importance
    sampling) works as usual.
    """

    def at(self, index: Tensor) -> "PerDatumAt":
        """Return the view of the model for training images ``index`` (B,)."""
        return PerDatumAt(self, index)


class PerDatumAt(LatentVariableModel):
    """A :class:`PerDatumVae` for given training images; the posterior is their q_n."""

    def __init__(self, model: PerDatumVae, index: Tensor) -> None:
        self._model, self._index, self.latent_prior = model, index, model.latent_prior

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event (C, H, W)."""
        return self._model.observation_model(z)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q_n(z) of the given images, whatever their pixels: batch (B,), event (D,)."""
        q: Distribution = self._model.free(self._index)
        return q


class SharedPosteriorVae(FreePosteriorVae, LatentVariableModel):
    """A decoder, and one q(z) = N(loc, diag scale^2) for all images."""

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z), the same for each of the B images: batch (B,), event (D,)."""
        q: Distribution = self.free(torch.zeros(len(x), dtype=torch.int64, device=x.device))
        return q
