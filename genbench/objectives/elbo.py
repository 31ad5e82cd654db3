"""Objectives of variational autoencoders."""

from typing import Any

from genbench.core.capabilities import bind
from genbench.core.objective import Batch, Loss, Objective
from genbench.inference.bounds import elbo_terms


def negative_elbo(beta: float = 1.0, warmup_epochs: float = 0.0, n_samples: int = 1) -> Objective:
    """Return the objective -E_q[log p(x given z)] + beta KL(q(z given x) || p(z)), a batch mean.

    beta = 1 is the negative ELBO; another beta weighs the KL (the lambda of the lecture notes).
    With ``warmup_epochs`` the weight rises linearly from 0 to beta over the first epochs. The
    expectation is a mean over ``n_samples`` draws per datum. A conditional model is bound to the
    labels of the batch.

    References:
        Kingma and Welling 2014, equation 3; Higgins et al. 2017, equation 4.
    """

    def objective(model: Any, batch: Batch) -> Loss:
        terms = elbo_terms(bind(model, batch.y), batch.x, n_samples)
        warm = min(1.0, batch.epoch / warmup_epochs) if warmup_epochs else 1.0
        distortion, rate = -terms.log_px_given_z.mean(), terms.kl.mean()
        logged = {"elbo": -distortion - rate, "log_px_given_z": -distortion, "kl": rate}
        return Loss(distortion + beta * warm * rate, logged)

    return objective
