"""The bound on log p(x) of a conditional model: a sum over its labels."""

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, Variational, missing
from genbench.core.estimate import NotApplicableError
from genbench.evaluation.importance import IwOptions
from genbench.evaluation.spec import Block, PerDatum, evaluator
from genbench.inference import bounds
from genbench.inference.jackknife import jackknife_variance
from genbench.inference.weights import ImportanceWeights


@evaluator(
    name="label_marginal_log_likelihood",
    version=2,
    needs=Conditions,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound, labels summed out",
    formula="log Σ_y p(y) 1/K Σₖ p(x, zₖ|y) / r(zₖ|x, y)",
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
    log_p = log_py[labels].unsqueeze(1)  # (L, 1)
    joint = torch.stack([w.log_mean() for w in weights]) + log_p  # (L, B)
    left_out = torch.stack([w.left_out() for w in weights], dim=1) + log_p  # (G, L, B)
    share = joint.softmax(dim=0)
    return PerDatum(
        joint.logsumexp(dim=0),
        remark=f"summed over the labels, {options.n_samples} draws each",
        mc_variance=jackknife_variance(left_out.logsumexp(dim=1)),
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
    return bounds.importance_weights(
        view,
        block.x,
        options.n_samples,
        options.chunk_size,
        block.stream.child("label", y),
        options.proposal,
    )


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
