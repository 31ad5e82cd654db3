"""Evaluators of log p(x) from weighted draws of the latent, from the posterior or the prior.

Evaluators that use the same draws share them, so nothing is decoded twice.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator, Field, PositiveInt
from torch import Tensor

from genbench.core.capabilities import Conditions, Generative, Variational, missing
from genbench.core.estimate import NotApplicableError
from genbench.core.metric import Parts
from genbench.core.options import Count, countable
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, Source, evaluator
from genbench.inference import bounds
from genbench.inference.weights import ImportanceWeights


class IwOptions(EvaluatorOptions):
    """K draws per datum, at most ``chunk_size`` of them decoded at once.

    Without ``chunk_size`` it is chosen to suit the processor's cache; no number depends on it.
    With ``n_data``, only that many data are evaluated, evenly spaced over all.
    """

    names: ClassVar[dict[str, str]] = {"n_samples": "K"}
    n_samples: Count = 100
    chunk_size: PositiveInt | None = None
    n_data: PositiveInt | None = None


class ExtrapolationOptions(IwOptions):
    """The same, with two halves."""

    n_samples: Annotated[int, Field(ge=2), AfterValidator(countable)] = 100


CURVE_PARTS = Parts(
    head="K = {}",
    caption=(
        "The importance-weighted bound tightens as K grows. If a curve still rises at the right"
        " edge, the bound is still loose there. Dashed: its extrapolation in 1/K, an estimate,"
        " not a bound; dotted: the exact log p(x), if it is known. Bars are Monte-Carlo standard"
        " errors. Scales differ between panels."
    ),
    note=(
        "In nats. The bound rises with K towards log p(x); the estimate for K → ∞ removes the"
        " 1/K term of the bias and is not a bound."
    ),
    beside={"iw_extrapolated": "K → ∞ (estimate)", "log_likelihood": "log p(x), exact"},
)


def _weights(block: Block, source: Source, options: IwOptions) -> ImportanceWeights:
    return block.importance_weights(source, options.n_samples, options.chunk_size)


def _with_errors(weights: ImportanceWeights, values: Tensor, remark: str = "") -> PerDatum:
    """Return ``values`` (B,) with the Monte-Carlo variance and health of the weights."""
    variance, health = weights.variance(), weights.health()
    return PerDatum(values, remark=remark, mc_variance=variance, health=health)


@evaluator(
    name="iw_log_likelihood",
    version=1,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound",
    formula="log 1/K Σₖ p(x, zₖ) / q(zₖ|x),  zₖ ∼ q(z|x)",
    cites=("Burda2016:eq8",),
    options=IwOptions,
    place=20,
    tightness=2,
    plot="bounds",
    estimator="importance weighting",
    log_density=True,
    leaderboard="likelihood",
)
def iw_log_likelihood(block: Block, options: IwOptions) -> PerDatum:
    """Importance-weighted lower bound on log p(x): tighter than the ELBO, exact as K grows."""
    weights = _weights(block, "posterior", options)
    return _with_errors(weights, weights.log_mean())


@evaluator(
    name="iw_curve",
    version=1,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound against K",
    formula="L_k = log 1/k Σⱼ p(x, zⱼ) / q(zⱼ|x),  k = 1, 2, 4, …, K",
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
    weights = _weights(block, "posterior", options)
    curve = weights.curve()
    values = torch.stack(list(curve.values()), dim=1)  # (B, P)
    return PerDatum(values, health=weights.health(), parts=tuple(str(k) for k in curve))


@evaluator(
    name="iw_extrapolated",
    version=1,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="estimate",
    title="Importance-weighted bound, extrapolated",
    formula="2 L_K − (L′ + L″) / 2,  L′, L″ from each half of the draws",
    cites=("Nowozin2018:jackknife",),
    options=ExtrapolationOptions,
    place=30,
    role="detail",
    plot="bounds",
    log_density=True,
)
def iw_extrapolated(block: Block, options: ExtrapolationOptions) -> PerDatum:
    """Estimate of log p(x) without the bias of order 1/K: a jackknife over halves, not a bound.

    Its own bias is of order 1/K². The Monte-Carlo variance is that of the bound, to first order.
    """
    weights = _weights(block, "posterior", options)
    return _with_errors(weights, weights.extrapolated(), "bias of order 1/K²; not a bound")


@evaluator(
    name="prior_bound",
    version=1,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Prior bound",
    formula="E_p(z)[log p(x|z)]",
    options=IwOptions,
    place=50,
    role="detail",
    plot="none",
    margin=5.0,
    log_density=True,
    leaderboard="likelihood",
)
def prior_bound(block: Block, options: IwOptions) -> PerDatum:
    """Lower bound on log p(x) by Jensen under the prior: what a model has without inference.

    It is the ELBO with q = p, far below the ELBO of a trained posterior.
    """
    weights = _weights(block, "prior", options)
    return PerDatum(weights.mean_log(), mc_variance=weights.variance_of_mean_log())


@evaluator(
    name="prior_log_likelihood",
    version=1,
    needs=Generative,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Naive Monte Carlo",
    formula="log 1/K Σₖ p(x|zₖ),  zₖ ∼ p(z)",
    options=IwOptions,
    place=60,
    role="detail",
    plot="none",
    margin=2.0,
    log_density=True,
    leaderboard="likelihood",
)
def prior_log_likelihood(block: Block, options: IwOptions) -> PerDatum:
    """Log of the mean of p(x|z) over draws from the prior: below log p(x) in expectation (Jensen).

    Few draws from the prior explain a given datum, so the bias is large unless K is huge.
    """
    weights = _weights(block, "prior", options)
    return _with_errors(weights, weights.log_mean())


@evaluator(
    name="label_marginal_log_likelihood",
    version=1,
    needs=Conditions,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound, labels summed out",
    formula="log Σ_y p(y) 1/K Σₖ p(x, zₖ|y) / q(zₖ|x, y)",
    cites=("Burda2016:eq8",),
    options=IwOptions,
    marginal_metric="iw_log_likelihood",
    place=20,
    tightness=2,
    plot="bounds",
    estimator="importance weighting",
    log_density=True,
    leaderboard="likelihood",
)
def label_marginal_log_likelihood(block: Block, options: IwOptions) -> PerDatum:
    """Lower bound on log p(x) of a conditional model, comparable with models without labels.

    p(y) is the frequency of the label in the training data, with one added to each count. The
    estimate of p(x) is unbiased, and its logarithm below log p(x) in expectation. Labels with zero
    probability cost nothing.
    """
    log_py = _label_frequencies(block)
    labels = [y for y, known in enumerate(log_py.isfinite().tolist()) if known]
    weights = [_weights_given(block, y, options) for y in labels]
    joint = torch.stack([w.log_mean() for w in weights]) + log_py[labels].unsqueeze(1)  # (L, B)
    share = joint.softmax(dim=0)
    variances = [w.variance() for w in weights]
    known = [v for v in variances if v is not None]
    return PerDatum(
        joint.logsumexp(dim=0),
        remark=f"summed over the labels, {options.n_samples} draws each",
        mc_variance=(share.square() * torch.stack(known)).sum(dim=0) if known else None,
        health=_joint_health(weights, share),
    )


def _label_frequencies(block: Block) -> Tensor:
    """Return log p(y), (n_classes,), in float64."""
    log_py = block.context.log_py
    n_classes = getattr(block.context.model, "n_classes", None)
    if log_py is None or n_classes is None:
        raise NotApplicableError("the label frequencies or the number of classes are unknown")
    if len(log_py) != n_classes:
        raise NotApplicableError(f"the data have {len(log_py)} labels, the model {n_classes}")
    return log_py.to(block.x.device).double()


def _weights_given(block: Block, y: int, options: IwOptions) -> ImportanceWeights:
    labels = torch.full((len(block.x),), y, device=block.x.device)
    view = block.context.model.given(labels)
    if lacking := missing(view, Variational):
        raise NotApplicableError(f"the model given a label has no {', '.join(lacking)}")
    stream = block.stream.child("label", y)
    return bounds.importance_weights(view, block.x, options.n_samples, options.chunk_size, stream)


def _joint_health(weights: list[ImportanceWeights], share: Tensor) -> dict[str, Tensor]:
    """Return the joint health of all weights of a datum; k-hat is that of its most likely label.

    ``share`` (L, B) is the posterior probability of each label.
    """
    each = [given_y.health() for given_y in weights]
    stacked = {name: torch.stack([h[name] for h in each]) for name in each[0]}  # (L, B)
    joint = {
        "ess": 1 / (share.square() / stacked["ess"]).sum(dim=0),
        "max_weight": (share * stacked["max_weight"]).amax(dim=0),
    }
    if "k_hat" in stacked:
        joint["k_hat"] = stacked["k_hat"].gather(0, share.argmax(dim=0, keepdim=True))[0]
    return joint
