"""Objectives of variational autoencoders.

Objectives are frozen dataclasses: equal settings make equal objectives, and a field marked
``per_member`` may differ between runs that are trained together, where it becomes a tensor.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from torch import Tensor

from genbench.core.capabilities import bind
from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.objective import Batch, Loss, Objective
from genbench.inference.bounds import elbo_terms
from genbench.objectives.score_function import score_function_terms

ElboGradient = Literal["reparameterised", "score_function", "score_function_baseline"]


def negative_elbo(
    beta: float = 1.0,
    warmup_epochs: float = 0.0,
    n_samples: int = 1,
    gradient: ElboGradient = "reparameterised",
) -> Objective:
    """Return the objective -E_q[log p(x given z)] + beta KL(q(z given x) || p(z)), a batch mean.

    beta = 1 is the negative ELBO; another beta weighs the KL (the lambda of the lecture notes).
    With ``warmup_epochs`` the weight rises linearly from 0 to beta over the first epochs. The
    expectation is a mean over ``n_samples`` draws per datum. A conditional model is bound to the
    labels of the batch.

    ``gradient`` says how the draws are differentiated; the value is the same number in each.
    ``reparameterised`` goes through the draws themselves. ``score_function`` keeps them fixed and
    weighs the gradient of log q with what each is worth, which needs no gradient in z and has a
    larger variance; ``score_function_baseline`` subtracts a baseline from that worth
    (:func:`genbench.objectives.score_function.score_function_terms`). All three are unbiased.

    References:
        Kingma and Welling 2014, equation 3 and section 2.2; Higgins et al. 2017, equation 4.
    """
    if gradient not in get_args(ElboGradient):
        raise ConfigError(f"gradient: {did_you_mean(gradient, get_args(ElboGradient))}")
    return NegativeElbo(beta, warmup_epochs, n_samples, gradient)


@dataclass(frozen=True)
class NegativeElbo:
    """What :func:`negative_elbo` returns."""

    beta: float = field(default=1.0, metadata={"per_member": True})
    warmup_epochs: float = 0.0
    n_samples: int = 1
    gradient: ElboGradient = "reparameterised"

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        view = bind(model, batch.y, batch.x)
        weight = self.beta * warmth(batch.epoch, self.warmup_epochs)
        if self.gradient == "reparameterised":
            terms = elbo_terms(view, batch.x, self.n_samples)
            return weighed(terms.log_px_given_z, terms.kl, weight)
        baseline = self.gradient == "score_function_baseline"
        found = score_function_terms(view, batch.x, self.n_samples, weight, baseline=baseline)
        loss = weighed(found.log_px_given_z, found.kl, weight)
        slope = found.surrogate.mean()
        return Loss(loss.value.detach() - (slope - slope.detach()), loss.logged)


def warmth(epoch: float | Tensor, warmup_epochs: float) -> float | Tensor:
    """Return how far a linear warm-up has come, from 0 to 1; 1 where there is none."""
    if not warmup_epochs:
        return 1.0
    share = epoch / warmup_epochs
    return share.clamp(max=1.0) if isinstance(share, Tensor) else min(1.0, share)


def weighed(log_px_given_z: Tensor, kl: Tensor, weight: float | Tensor) -> Loss:
    """Return the batch mean of -log p(x given z) + weight KL.

    The logged ELBO weighs the KL with 1, whatever the weight.

    Args:
        log_px_given_z: Expected log densities (B,) in nats.
        kl: KL(q(z given x) || p(z)), (B,) in nats.
        weight: Of the KL in the loss.
    """
    distortion, rate = -log_px_given_z.mean(), kl.mean()
    if isinstance(weight, Tensor):
        weight = weight.to(rate.dtype)  # as a plain number would be
    logged = {"elbo": -distortion - rate, "log_px_given_z": -distortion, "kl": rate}
    if isinstance(weight, Tensor):
        weight = weight.to(rate.dtype)
    return Loss(distortion + weight * rate, logged)
