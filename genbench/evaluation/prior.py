"""Evaluators of log p(x) from draws of the prior: what a model has without inference."""

from genbench.core.capabilities import Generative
from genbench.evaluation.importance import DrawOptions
from genbench.evaluation.spec import Block, PerDatum, evaluator


@evaluator(
    name="prior_bound",
    version=1,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Prior bound",
    formula="E_p(z)[log p(x|z)]",
    options=DrawOptions,
    place=50,
    role="detail",
    plot="none",
    margin=5.0,
    log_density=True,
    leaderboard="likelihood",
)
def prior_bound(block: Block, options: DrawOptions) -> PerDatum:
    """Lower bound on log p(x) by Jensen under the prior: what a model has without inference.

    It is the ELBO with q = p, far below the ELBO of a trained posterior.
    """
    weights = block.importance_weights("prior", options.n_samples, options.chunk_size)
    return PerDatum(weights.mean_log(), mc_variance=weights.variance_of_mean_log())


@evaluator(
    name="prior_log_likelihood",
    version=2,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Naive Monte Carlo",
    formula="log 1/K Σₖ p(x|zₖ),  zₖ ∼ p(z)",
    options=DrawOptions,
    place=60,
    role="detail",
    plot="none",
    margin=2.0,
    log_density=True,
    leaderboard="likelihood",
)
def prior_log_likelihood(block: Block, options: DrawOptions) -> PerDatum:
    """Log of the mean of p(x|z) over draws from the prior: below log p(x) in expectation (Jensen).

    Few draws from the prior explain a given datum, so the bias is large unless K is huge.
    """
    weights = block.importance_weights("prior", options.n_samples, options.chunk_size)
    variance, health = weights.variance(), weights.health()
    return PerDatum(weights.log_mean(), mc_variance=variance, health=health)
