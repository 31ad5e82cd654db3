"""A VAE with one categorical latent: every quantity can be computed by enumeration."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.tensors import as_event
from genbench.distributions.latent import CategoricalPrior
from genbench.models.vae import Vae

_NUMBERS = 2**23  # pixel densities in memory at once


class DiscreteVae(Vae):
    """z one of K = ``latent_dim`` categories, one-hot; p(x given z) decoded; exact log p(x).

    A mixture of K observation models with learned weights: a uniform p(z) would restrict the model
    and cost as much to enumerate.
    """

    def _add_prior(self, latent_dim: int) -> None:
        self.categorical = CategoricalPrior(latent_dim)

    def prior(self) -> Distribution:
        """Return p(z): batch (), event (K,)."""
        p: Distribution = self.categorical()
        return p

    def decode(self, z: Tensor) -> Tensor:
        """Return sum_k z_k E[x given category k]: for probabilities z (..., K) their mean image."""
        images = self.observation_model(self.prior().enumerate_support(expand=False)).mean
        return (z @ images.flatten(1)).reshape(*z.shape[:-1], *images.shape[1:])

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x) = log sum_k p(k) p(x given k), (B,) in nats, float64.

        Processes a few categories at a time, so memory does not grow with their number.
        """
        prior = self.prior()
        z = prior.enumerate_support(expand=False)  # every one-hot vector, (K, K)
        n = max(1, _NUMBERS // x.numel())
        pieces = [self._log_joint(x, piece, prior).logsumexp(dim=0) for piece in torch.split(z, n)]
        return torch.stack(pieces).logsumexp(dim=0)

    def _log_joint(self, x: Tensor, z: Tensor, prior: Distribution) -> Tensor:
        """Return log p(x, z) for each category in z (k, K) and each datum, (k, B)."""
        p = as_event(self.observation_model(z.unsqueeze(1)), 2)
        return p.log_prob(x).double() + prior.log_prob(z).double().unsqueeze(1)
