"""The ELBO with the score-function gradient, which does not differentiate through the draws."""

from torch import Tensor

from genbench.core.capabilities import Variational
from genbench.inference.bounds import draw, kl_terms, log_px_given_z, posterior_of, prior_of


def score_function_terms(
    model: Variational, x: Tensor, n_samples: int, weight: float | Tensor = 1.0, *, baseline: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ELBO's terms with the score-function (REINFORCE) gradient.

    The draws z are held fixed. With f(z) = log p(x given z) - weight (log q(z given x) - log p(z))
    the gradient is that of log p(x given z) + weight log p(z) for the model, and
    (f(z) - b) grad log q(z given x) for the posterior. Since E_q[grad log q] = 0, neither the
    gradient of q inside f nor a baseline b that is independent of z contributes.

    The baseline b is the mean of f over the datum's other draws if there are several, else over the
    other data of the batch; for one draw of one datum it is 0. Leaving out the draw itself keeps
    the estimate unbiased.

    Args:
        model: Anything with prior, observation_model and posterior, reparameterisable or not.
        x: Data (B, ...).
        n_samples: Draws per datum.
        weight: Weight of the KL.
        baseline: Whether to subtract b.

    Returns:
        E_q[log p(x given z)] and the KL in nats, and a surrogate to differentiate, each (B,). The
        value of the surrogate has no meaning; its gradient is an unbiased estimate of that of
        E_q[log p(x given z)] - weight KL(q(z given x) || p(z)).

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
    f = (log_px_z - weight * (log_qz - log_pz)).detach()
    if baseline:
        f = f - mean_of_the_others(f)
    surrogate = log_px_z + weight * log_pz + f * log_qz
    return log_px_z.mean(dim=0), kl, surrogate.mean(dim=0)


def mean_of_the_others(values: Tensor) -> Tensor:
    """Return, for each of values (K, B), the mean of the others.

    The others are those in its column if K > 1, else in its row; if there are none, the mean is 0.
    """
    n_draws, n_data = values.shape
    dim, n = (0, n_draws) if n_draws > 1 else (1, n_data)
    total = values.sum(dim=dim, keepdim=True)
    return (total - values) / max(1, n - 1)
