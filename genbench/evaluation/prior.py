"""Evaluators of log p(x) from draws of the prior: what a model has without inference."""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from genbench.core.capabilities import Conditions, ConditionsOnPixels, Generative
from genbench.core.options import Count
from genbench.evaluation.importance import DrawOptions
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, Sizes, evaluator
from genbench.inference.memory import automatic_chunk
from genbench.inference.prior_draws import PriorDraws


class SharedDrawsOptions(EvaluatorOptions):
    """K draws of the prior, the same for all data; for those of one label if the model has labels.

    Only where the model is given pixels of an image, each has K draws of its own. With ``n_data``,
    only that many data are evaluated, evenly spaced over all.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": "K"}
    n_samples: Count = 1000
    n_data: PositiveInt | None = None

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the decoded draws and of their weights for a block."""
        return self.n_samples * (4 * sizes.n_pixels + 8 * sizes.block)


@evaluator(
    name="prior_bound",
    version=2,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Prior bound",
    formula="E_p(z)[log p(x|z)]",
    options=SharedDrawsOptions,
    place=50,
    role="detail",
    paired=False,
    plot="none",
    margin=5.0,
    log_density=True,
    leaderboard="likelihood",
)
def prior_bound(block: Block, options: SharedDrawsOptions) -> PerDatum:
    """Lower bound on log p(x) by Jensen under the prior: what a model has without inference.

    It is the ELBO with q = p, far below the ELBO of a trained posterior. All data share the draws,
    so their Monte-Carlo errors are one: it does not fall with the number of data, and is part of
    the stated standard error.
    """
    if isinstance(block.context.model, ConditionsOnPixels):
        weights = block.importance_weights("prior", options.n_samples, None)
        return PerDatum(weights.mean_log(), mc_variance=weights.variance_of_mean_log())
    log_px = _log_px_given_z(block, options.n_samples)
    return PerDatum(log_px.mean(dim=0), by_draw=log_px)


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

    Few draws from the prior explain a given datum, so the bias is large unless K is huge. Each
    datum has draws of its own.
    """
    weights = block.importance_weights("prior", options.n_samples, options.chunk_size)
    variance, health = weights.variance(), weights.health()
    return PerDatum(weights.log_mean(), mc_variance=variance, health=health)


def _log_px_given_z(block: Block, n_samples: int) -> Tensor:
    """Return log p(x given z) of the shared draws, (K, B); those of a label for its data."""
    x, y = block.x, block.y
    if y is None or not isinstance(block.context.model, Conditions):
        return _draws(block, n_samples).log_px_given_z(x)
    log_px = x.new_empty(n_samples, len(x), dtype=torch.float64)
    for label in sorted(set(y.tolist())):
        rows = y == label
        log_px[:, rows] = _draws(block, n_samples, y[rows][:1]).log_px_given_z(x[rows])
    return log_px


def _draws(block: Block, n_samples: int, label: Tensor | None = None) -> PriorDraws:
    """Return the draws that all blocks share, addressed by name; those of one label (1,)."""
    context = block.context
    name = () if label is None else ("label", int(label))
    model = block.model if label is None else context.model.given(label)
    key = "/".join(map(str, ("prior_draws", n_samples, *name)))
    if key not in context.cache:
        stream = context.stream.child("prior_draws", *name)
        size = automatic_chunk(block.x)
        context.cache[key] = PriorDraws(model, n_samples, size, stream)
    draws: PriorDraws = context.cache[key]
    return draws
