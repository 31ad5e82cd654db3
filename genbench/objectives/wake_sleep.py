"""Objectives of the wake-sleep algorithm: each network learns from the other's draws.

Neither differentiates through a draw, so they also apply to latents and data that cannot be
reparameterised. The sleep phase minimises KL(p(z given x) || q(z given x)), not the negative ELBO.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import Generative, bind
from genbench.core.objective import Batch, Loss
from genbench.inference.bounds import draw, kl_terms, log_px_given_z, posterior_of, prior_of
from genbench.objectives.elbo import weighted


@dataclass(frozen=True)
class NegativeWakeElbo:
    """-log p(x, z) + log q(z given x), z drawn from q, a batch mean.

    q and its draws are held fixed: the gradient is that of -log p(x, z) alone, and none of it
    reaches the encoder. The value is the negative ELBO, so held-out values can select the best
    checkpoint and be plotted beside other bounds. The expectation is a mean over ``n_samples``
    draws per datum; the KL is in closed form if there is one.

    References:
        Hinton, Dayan, Frey, Neal 1995, the wake phase.
    """

    n_samples: int = 1

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        view = bind(model, batch.y, batch.x)
        with torch.no_grad():
            q = posterior_of(view, batch.x)
            z = draw(q, self.n_samples)  # (K, B, D)
        p = prior_of(view)
        log_px_z = log_px_given_z(view, batch.x, z, len(p.event_shape)).mean(dim=0)
        return weighted(log_px_z, _kl(q, p, z), 1.0)


def _kl(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """Return KL(q || p), (B,): in closed form, or a mean over the draws z (K, B, D)."""
    kl, _ = kl_terms(q, p)
    return (q.log_prob(z) - p.log_prob(z)).mean(dim=0) if kl is None else kl


@dataclass(frozen=True)
class NegativeSleepLogPosterior:
    """-log q(z given x) for pairs (z, x) drawn ("dreamed") from the model, a mean.

    One pair per datum of the batch: z from the prior, x from p(x given z). They are held fixed, so
    no gradient reaches the decoder. In expectation over dreams the loss is KL(p(z given x) || q(z
    given x)), up to a constant.

    References:
        Hinton, Dayan, Frey, Neal 1995, the sleep phase.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of as many dreams as the batch has data."""
        view = bind(model, batch.y, batch.x)
        z, x = dream(view, len(batch.x))
        log_qz = posterior_of(view, x).log_prob(z).mean()
        return Loss(-log_qz, {"log_qz_given_x": log_qz})


@torch.no_grad()
def dream(model: Generative, n: int) -> tuple[Tensor, Tensor]:
    """Return n pairs from p(z) p(x given z): latents (n, D) and data (n, ...)."""
    z = prior_of(model).sample(torch.Size((n,)))
    return z, draw(model.observation_model(z), 1)[0]
