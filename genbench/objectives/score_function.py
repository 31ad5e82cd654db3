"""The ELBO with a gradient by the score function: no gradient passes through a draw."""

from typing import NamedTuple

from torch import Tensor

from genbench.core.capabilities import Variational
from genbench.inference.bounds import draw, kl_terms, log_px_given_z, posterior_of, prior_of


class ScoreFunctionTerms(NamedTuple):
    """The parts of the ELBO, each (B,) in nats, and the function that is differentiated for it.

    The value of ``surrogate`` (B,) means nothing; its gradient is an unbiased estimate of that of
    E_q[log p(x given z)] - weight KL(q(z given x) || p(z)).
    """

    log_px_given_z: Tensor
    kl: Tensor
    surrogate: Tensor


def score_function_terms(
    model: Variational, x: Tensor, n_samples: int, weight: float | Tensor = 1.0, *, baseline: bool
) -> ScoreFunctionTerms:
    """Return the ELBO's terms with the score-function (REINFORCE) gradient.

    With f(z) = log p(x given z) - weight (log q(z given x) - log p(z)) for draws z that are held
    fixed, the gradient is that of log p(x given z) + weight log p(z) for the model, and
    (f(z) - b) grad log q(z given x) for the posterior: E_q[grad log q] = 0, so that q inside f
    adds nothing and neither does a b that does not depend on z.

    The baseline b is the mean of f over the datum's other draws where there are several, and over
    the other data of the batch where there is one draw of each; alone, it is 0. Leaving the draw
    itself out keeps the estimate unbiased.

    Args:
        model: Anything with prior, observation_model and posterior, reparameterisable or not.
        x: Data (B, ...).
        n_samples: Draws per datum.
        weight: Of the KL.
        baseline: Whether b is subtracted.

    References:
        Williams 1992, section 5; Mnih and Rezende 2016, equation 10, for the baseline.
    """
    q, p = posterior_of(model, x), prior_of(model)
    z = draw(q, n_samples).detach()  # (K, B, D)
    log_px_z = log_px_given_z(model, x, z, len(p.event_shape))  # (K, B)
    log_qz, log_pz = q.log_prob(z), p.log_prob(z)
    kl, _ = kl_terms(q, p)
    if kl is None:
        kl = (log_qz - log_pz).mean(dim=0)
    if isinstance(weight, Tensor):
        weight = weight.to(log_qz.dtype)
    worth = (log_px_z - weight * (log_qz - log_pz)).detach()
    if baseline:
        worth = worth - mean_of_the_others(worth)
    surrogate = log_px_z + weight * log_pz + worth * log_qz
    return ScoreFunctionTerms(log_px_z.mean(dim=0), kl, surrogate.mean(dim=0))


def mean_of_the_others(values: Tensor) -> Tensor:
    """Return for each of values (K, B) the mean of the others.

    They are the others of its column if K > 1, else of its row; zero if there are none.
    """
    n_draws, n_data = values.shape
    dim, n = (0, n_draws) if n_draws > 1 else (1, n_data)
    total = values.sum(dim=dim, keepdim=True)
    return (total - values) / max(1, n - 1)
