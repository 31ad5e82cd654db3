"""The objective of variational expectation maximisation with one posterior per datum."""

from dataclasses import dataclass
from typing import Any

from genbench.core.objective import Batch, Loss
from genbench.inference.bounds import elbo_terms
from genbench.objectives.elbo import warmup_factor, weighted


@dataclass(frozen=True)
class NegativePerDatumElbo:
    """-E_qn[log p(x_n given z)] + KL(q_n(z) || p(z)), a batch mean.

    q_n belongs to the n-th training image; a batch has the indices of its images. Minimised over
    q_n it is an E step, over the decoder an M step.

    References:
        Neal and Hinton 1998, for EM as ascent on one bound; Hoffman et al. 2013, for its stochastic
        form.
    """

    warmup_epochs: float = 0.0
    n_samples: int = 1

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch of training data."""
        terms = elbo_terms(model.at(batch.indices), batch.x, self.n_samples)
        weight = warmup_factor(batch.epoch, self.warmup_epochs)
        return weighted(terms.log_px_given_z, terms.kl, weight)
