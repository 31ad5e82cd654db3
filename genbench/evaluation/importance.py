"""Evaluators of log p(x) from weighted draws of the latent from a proposal.

Evaluators that use the same draws share them, so nothing is decoded twice.
"""

from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor

from genbench.core.capabilities import Variational
from genbench.core.metric import Parts
from genbench.core.options import Count
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, evaluator
from genbench.inference.proposals import Name
from genbench.inference.weights import ImportanceWeights


class DrawOptions(EvaluatorOptions):
    """K draws per datum, at most ``chunk_size`` of them decoded at once.

    Without ``chunk_size`` it is chosen to suit the processor's cache; no number depends on it.
    With ``n_data``, only that many data are evaluated, evenly spaced over all.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": "K"}
    n_samples: Count = 100
    chunk_size: PositiveInt | None = None
    n_data: PositiveInt | None = None


class IwOptions(DrawOptions):
    """The same, from a proposal: ``fitted`` to each datum, or the model's own ``posterior``.

    Either gives a lower bound on the same log p(x), the fitted one a tighter one in most cases.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": "K", "proposal": ""}
    proposal: Name = "fitted"


CURVE_PARTS = Parts(
    head="K = {}",
    caption=(
        "The importance-weighted bound tightens as K grows. If a curve still rises at the right"
        " edge, the bound is still loose there. Dashed: its extrapolation in 1/K, an estimate,"
        " not a bound, where the bias falls as 1/K; dotted: the exact log p(x), if it is known."
        " Bars are Monte-Carlo standard errors. Scales differ between panels."
    ),
    note=(
        "In nats. The bound rises with K towards log p(x); the estimate for K → ∞ removes the"
        " 1/K term of the bias and is not a bound. There is none where the bias does not fall as"
        " 1/K."
    ),
    beside={"iw_extrapolated": "K → ∞ (estimate)", "log_likelihood": "log p(x), exact"},
)


def weights_of(block: Block, options: IwOptions) -> ImportanceWeights:
    """Return the weighted draws that these options ask for."""
    return block.importance_weights(options.proposal, options.n_samples, options.chunk_size)


def _with_errors(weights: ImportanceWeights, values: Tensor) -> PerDatum:
    """Return ``values`` (B,) with the Monte-Carlo variance and health of the weights."""
    variance, health = weights.variance(), weights.health()
    return PerDatum(values, remark=weights.remark, mc_variance=variance, health=health)


@evaluator(
    name="iw_log_likelihood",
    version=2,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound",
    formula="log 1/K Σₖ p(x, zₖ) / r(zₖ|x),  zₖ ∼ r(z|x)",
    cites=("Burda2016:eq8", "OwenZhou2000:sec4"),
    options=IwOptions,
    place=20,
    tightness=2,
    plot="bounds",
    estimator="importance weighting",
    log_density=True,
    leaderboard="likelihood",
)
def iw_log_likelihood(block: Block, options: IwOptions) -> PerDatum:
    """Importance-weighted lower bound on log p(x): tighter than the ELBO, exact as K grows.

    r is a Gaussian fitted to p(z|x) for each image, mixed with q; with ``proposal = "posterior"``
    it is q, as in Burda et al. 2016.
    """
    weights = weights_of(block, options)
    return _with_errors(weights, weights.log_mean())


@evaluator(
    name="iw_curve",
    version=2,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound against K",
    formula="L_k = log 1/k Σⱼ p(x, zⱼ) / r(zⱼ|x),  k = 1, 2, 4, …, K",
    cites=("Burda2016:eq8",),
    options=IwOptions,
    plot="curve",
    gated=False,
    log_density=True,
    parts=CURVE_PARTS,
)
def iw_curve(block: Block, options: IwOptions) -> PerDatum:
    """Importance-weighted bound for 1, 2, 4, ... up to K draws, all from the same K.

    Each L_k is a mean over the floor(K / k) disjoint groups of k successive draws; the last one is
    ``iw_log_likelihood`` with K draws, and the health is that of all K.
    """
    weights = weights_of(block, options)
    curve = weights.curve()
    values = torch.stack(list(curve.values()), dim=1)  # (B, P)
    variances = weights.curve_variances()
    return PerDatum(
        values,
        remark=weights.remark,
        mc_variance=torch.stack([variances[k] for k in curve], dim=1),
        health=weights.health(),
        parts=tuple(str(k) for k in curve),
    )
