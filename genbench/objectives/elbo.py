"""Objectives of variational autoencoders."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from torch import Tensor

from genbench.core.capabilities import Variational, bind
from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.objective import Batch, Loss
from genbench.inference.bounds import ElboTerms, elbo_terms, log_px_given_z, posterior_of, prior_of
from genbench.objectives.score_function import score_function_terms

ElboGradient = Literal["reparameterised", "score_function", "score_function_baseline"]


@dataclass(frozen=True)
class NegativeElbo:
    """-E_q[log p(x given z)] + beta KL(q(z given x) || p(z)), a batch mean.

    beta = 1 is the negative ELBO; another beta weights the KL (the lambda of the lecture notes).
    With ``warmup_epochs`` the weight rises linearly from 0 to beta over the first epochs. The
    expectation is a mean over ``n_samples`` draws per datum. A conditional model is bound to the
    labels of the batch.

    ``gradient`` says how the loss is differentiated; its value does not depend on it.
    ``reparameterised`` differentiates through the draws. ``score_function`` holds them fixed and
    weights the gradient of log q by the value of each draw, which needs no gradient in z and has a
    larger variance; ``score_function_baseline`` subtracts a baseline from that value
    (:func:`genbench.objectives.score_function.score_function_terms`). All three are unbiased.

    Raises:
        ConfigError: The gradient is unknown.

    References:
        Kingma and Welling 2014, equation 3 and section 2.2; Higgins et al. 2017, equation 4.
    """

    beta: float = field(default=1.0, metadata={"per_member": True})
    warmup_epochs: float = 0.0
    n_samples: int = 1
    gradient: ElboGradient = "reparameterised"

    def __post_init__(self) -> None:
        if self.gradient not in get_args(ElboGradient):
            raise ConfigError(f"gradient: {did_you_mean(self.gradient, get_args(ElboGradient))}")

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        view = bind(model, batch.y, batch.x)
        weight = self.beta * warmup_factor(batch.epoch, self.warmup_epochs)
        if self.gradient == "reparameterised":
            terms = elbo_terms(view, batch.x, self.n_samples)
            return weighted(terms.log_px_given_z, terms.kl, weight)
        baseline = self.gradient == "score_function_baseline"
        log_px, kl, surrogate = score_function_terms(
            view, batch.x, self.n_samples, weight, baseline=baseline
        )
        loss, slope = weighted(log_px, kl, weight), surrogate.mean()
        return Loss(loss.value.detach() - (slope - slope.detach()), loss.logged)


@dataclass(frozen=True)
class NegativeEnumeratedElbo:
    """-sum_z q(z given x) [log p(x, z) - log q(z given x)], a batch mean, for a discrete latent.

    Nothing is sampled: value and gradient have no Monte Carlo error. With ``warmup_epochs`` the
    weight of the KL rises linearly from 0 to 1 over the first epochs.
    """

    warmup_epochs: float = 0.0

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        terms = enumerated_terms(bind(model, batch.y, batch.x), batch.x)
        weight = warmup_factor(batch.epoch, self.warmup_epochs)
        return weighted(terms.log_px_given_z, terms.kl, weight)


@dataclass(frozen=True)
class NegativePerDatumElbo:
    """-E_qn[log p(x_n given z)] + KL(q_n(z) || p(z)), a batch mean: variational EM.

    q_n is the posterior of the n-th training image; a batch carries the indices of its images.
    Minimising over q_n is an E step, over the decoder an M step.

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


def enumerated_terms(model: Variational, x: Tensor) -> ElboTerms:
    """Return the exact terms of the ELBO, summed over every value of a discrete latent.

    Args:
        model: Prior and posterior have the same finite support of K values.
        x: Data (B, ...). K images are decoded; K * B densities are held in memory.
    """
    p, q = prior_of(model), posterior_of(model, x)
    z = p.enumerate_support(expand=False).unsqueeze(1)  # (K, 1, D)
    log_q, log_p = q.log_prob(z), p.log_prob(z)  # (K, B) and (K, 1)
    probability = log_q.exp()
    log_px_z = log_px_given_z(model, x, z, len(p.event_shape))
    kl = (probability * (log_q - log_p)).sum(0)
    return ElboTerms((probability * log_px_z).sum(0), kl, None, closed_form=True)


def warmup_factor(epoch: float | Tensor, warmup_epochs: float) -> float | Tensor:
    """Return the factor of a linear warm-up, rising from 0 to 1; without a warm-up it is 1."""
    if not warmup_epochs:
        return 1.0
    factor = epoch / warmup_epochs
    return factor.clamp(max=1.0) if isinstance(factor, Tensor) else min(1.0, factor)


def weighted(log_px_given_z: Tensor, kl: Tensor, weight: float | Tensor) -> Loss:
    """Return the batch mean of -log p(x given z) + weight KL.

    The logged ELBO always weights the KL by 1.

    Args:
        log_px_given_z: Expected log densities (B,) in nats.
        kl: KL(q(z given x) || p(z)), (B,) in nats.
        weight: Weight of the KL in the loss.
    """
    log_px, rate = log_px_given_z.mean(), kl.mean()
    if isinstance(weight, Tensor):
        weight = weight.to(rate.dtype)  # a float64 tensor would promote the loss
    logged = {"elbo": log_px - rate, "log_px_given_z": log_px, "kl": rate}
    unweighted = isinstance(weight, float) and weight == 1  # the usual case, at no cost
    return Loss((rate if unweighted else weight * rate) - log_px, logged)
