"""The variational autoencoder, unconditional and conditional on a label."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.distributions.latent import StandardNormal
from genbench.models.latent_variable import Head, LatentVariableModel, Prior


class EncoderDecoder(nn.Module):
    """An encoder with a posterior head, a decoder with an observation head, and a prior."""

    def __init__(
        self,
        encoder: nn.Module,
        posterior: Head,
        decoder: nn.Module,
        observation: Head,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.posterior_head = posterior
        self.decoder = decoder
        self.observation_head = observation
        self._add_prior(latent_dim)

    def _add_prior(self, latent_dim: int) -> None:
        self.latent_prior: Prior = StandardNormal(latent_dim)


class Vae(EncoderDecoder, LatentVariableModel):
    """p(z) = N(0, I), p(x given z) from the decoder, q(z given x) from the encoder.

    References:
        Kingma and Welling 2014.
    """

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event (C, H, W)."""
        return self.observation_head(self.decoder(z))

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        return self.posterior_head(self.encoder(x))


class Cvae(EncoderDecoder):
    """A VAE of x given a label y: q(z given x, y), p(x given z, y) and p(z) = N(0, I).

    It has densities only once the label is bound: ``given(y)`` returns that view.

    Args:
        parts: Encoder, posterior head, decoder, observation head and D, as for :class:`Vae`.
        n_classes: Number of labels.

    References:
        Sohn, Lee, Yan 2015; Doersch 2016, section 3.
    """

    def __init__(self, *parts: Any, n_classes: int) -> None:
        super().__init__(*parts)
        self.n_classes = n_classes

    def given(self, y: Tensor) -> "CvaeGiven":
        """Return the view of the model with labels y (B,) bound, one per datum."""
        dtype = next(self.parameters()).dtype
        classes = torch.arange(self.n_classes, device=y.device)
        return CvaeGiven(self, (y.unsqueeze(-1) == classes).to(dtype))  # without synchronisation


class CvaeGiven(LatentVariableModel):
    """p(x, z given y) and q(z given x, y) for fixed labels, used like an unconditional model."""

    def __init__(self, model: Cvae, condition: Tensor) -> None:
        self._model, self.latent_prior = model, model.latent_prior
        self._condition = condition  # (B, N)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z, y); z is (..., B, D)."""
        condition = self._condition.expand(*z.shape[:-1], -1)
        return self._model.observation_head(self._model.decoder(torch.cat((z, condition), dim=-1)))

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x, y): batch (B,), event (D,)."""
        return self._model.posterior_head(self._model.encoder(x, self._condition))

    def sample(self, n: int) -> Tensor:
        """Return mean images of draws from the prior: n = B, one for each bound label."""
        if n != len(self._condition):
            raise ValueError(f"cannot draw {n} images: {len(self._condition)} labels are bound")
        return super().sample(n)
