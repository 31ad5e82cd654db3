"""The variational autoencoder, unconditional and conditional on a label."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genbench.distributions.latent import StandardNormal
from genbench.models.latent_variable import LatentVariableModel


class EncoderDecoder(nn.Module):
    """An encoder with a posterior head, a decoder with an observation head, and a prior."""

    def __init__(
        self,
        encoder: nn.Module,
        posterior: nn.Module,
        decoder: nn.Module,
        observation: nn.Module,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.posterior_head = posterior
        self.decoder = decoder
        self.observation_head = observation
        self._add_prior(latent_dim)

    def _add_prior(self, latent_dim: int) -> None:
        self.standard_normal = StandardNormal(latent_dim)


class Vae(EncoderDecoder, LatentVariableModel):
    """p(z) = N(0, I), p(x given z) from the decoder, q(z given x) from the encoder.

    References:
        Kingma and Welling 2014.
    """

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        p: Distribution = self.standard_normal()
        return p

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z): batch = leading dimensions of z, event (C, H, W)."""
        p: Distribution = self.observation_head(self.decoder(z))
        return p

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        q: Distribution = self.posterior_head(self.encoder(x))
        return q


class Cvae(EncoderDecoder):
    """A VAE of x given a label y: q(z given x, y), p(x given z, y) and p(z) = N(0, I).

    It has densities only once the label is bound: ``given(y)`` returns that view.

    References:
        Sohn, Lee, Yan 2015; Doersch 2016, section 3.
    """

    def __init__(
        self,
        encoder: nn.Module,
        posterior: nn.Module,
        decoder: nn.Module,
        observation: nn.Module,
        latent_dim: int,
        n_classes: int,
    ) -> None:
        super().__init__(encoder, posterior, decoder, observation, latent_dim)
        self.n_classes = n_classes

    def given(self, y: Tensor) -> "CvaeGiven":
        """Return the view of the model with labels y (B,) bound, one per datum."""
        dtype = next(self.parameters()).dtype
        classes = torch.arange(self.n_classes, device=y.device)
        return CvaeGiven(self, (y.unsqueeze(-1) == classes).to(dtype))  # without synchronisation


class CvaeGiven(LatentVariableModel):
    """p(x, z given y) and q(z given x, y) for fixed labels, used like an unconditional model."""

    def __init__(self, model: Cvae, condition: Tensor) -> None:
        self._model = model
        self._condition = condition  # (B, N)

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (D,)."""
        p: Distribution = self._model.standard_normal()
        return p

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z, y); z is (..., B, D)."""
        condition = self._condition.expand(*z.shape[:-1], -1)
        output = self._model.decoder(torch.cat((z, condition), dim=-1))
        p: Distribution = self._model.observation_head(output)
        return p

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x, y): batch (B,), event (D,)."""
        q: Distribution = self._model.posterior_head(self._model.encoder(x, self._condition))
        return q

    def sample(self, n: int) -> Tensor:
        """Return mean images of draws from the prior: n = B, one for each bound label."""
        if n != len(self._condition):
            raise ValueError(f"{len(self._condition)} labels are bound: cannot draw {n} images")
        return super().sample(n)
