"""The objective of variational expectation maximisation with a posterior of each datum's own."""

from dataclasses import dataclass
from typing import Any

from genbench.core.objective import Batch, Loss, Objective
from genbench.inference.bounds import elbo_terms
from genbench.objectives.elbo import warmth, weighed


def negative_per_datum_elbo(warmup_epochs: float = 0.0, n_samples: int = 1) -> Objective:
    """Return the objective -E_qn[log p(x_n given z)] + KL(q_n(z) || p(z)), a batch mean.

    q_n belongs to the n-th training image: the batch says which images it holds. Minimised over
    q_n it is an E step, over the decoder an M step.

    References:
        Neal and Hinton 1998, for EM as ascent on one bound; Hoffman et al. 2013, for its stochastic
        form.
    """
    return NegativePerDatumElbo(warmup_epochs, n_samples)


@dataclass(frozen=True)
class NegativePerDatumElbo:
    """What :func:`negative_per_datum_elbo` returns."""

    warmup_epochs: float = 0.0
    n_samples: int = 1

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch of training data."""
        terms = elbo_terms(model.at(batch.indices), batch.x, self.n_samples)
        return weighed(terms.log_px_given_z, terms.kl, warmth(batch.epoch, self.warmup_epochs))
