"""The objective of models with a discrete latent: a sum over its values in place of draws."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from genbench.core.capabilities import Variational, bind
from genbench.core.objective import Batch, Loss
from genbench.inference.bounds import log_px_given_z, posterior_of, prior_of
from genbench.objectives.elbo import warmup_factor, weighted


class EnumeratedTerms(NamedTuple):
    """E_q[log p(x given z)] and KL(q(z given x) || p(z)), each (B,) in nats, both exact."""

    log_px_given_z: Tensor
    kl: Tensor


def enumerated_terms(model: Variational, x: Tensor) -> EnumeratedTerms:
    """Return the terms of the ELBO by summing over every value of a discrete latent.

    Args:
        model: Its prior and posterior range over the same finite set of K values.
        x: Data (B, ...). K images are decoded, and K * B densities held in memory.
    """
    p, q = prior_of(model), posterior_of(model, x)
    z = p.enumerate_support(expand=False).unsqueeze(1)  # (K, 1, D)
    log_q, log_p = q.log_prob(z), p.log_prob(z)  # (K, B) and (K, 1)
    probability = log_q.exp()
    log_px_z = log_px_given_z(model, x, z, len(p.event_shape))
    kl = (probability * (log_q - log_p)).sum(0)
    return EnumeratedTerms((probability * log_px_z).sum(0), kl)


@dataclass(frozen=True)
class NegativeEnumeratedElbo:
    """-sum_z q(z given x) [log p(x, z) - log q(z given x)], a batch mean.

    Nothing is drawn: its value and gradient have no sampling error. With ``warmup_epochs`` the
    weight of the KL rises linearly from 0 to 1 over the first epochs.
    """

    warmup_epochs: float = 0.0

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        terms = enumerated_terms(bind(model, batch.y, batch.x), batch.x)
        weight = warmup_factor(batch.epoch, self.warmup_epochs)
        return weighted(terms.log_px_given_z, terms.kl, weight)
