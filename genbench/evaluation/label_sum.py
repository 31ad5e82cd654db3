"""The bound on log p(x) of a conditional model: a sum over its labels."""

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, Variational, missing
from genbench.core.estimate import NotApplicableError
from genbench.evaluation.importance import IwOptions
from genbench.evaluation.spec import Block, PerDatum, evaluator
from genbench.inference import bounds
from genbench.inference.weights import ImportanceWeights

N_PILOT = 5
"""Draws for each label that only order the labels of a datum."""
N_LIKELY = 2
"""How many labels of a datum, the likeliest by the pilots, have all K draws."""
REST = 10
"""The other labels have this part of K."""
LEAST_REST = 5
"""But no fewer draws, of which some are needed to tell their variance."""


@evaluator(
    name="label_marginal_log_likelihood",
    version=3,
    needs=Conditions,
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="Importance-weighted bound, labels summed out",
    formula="log Σ_y p(y) 1/K_y Σₖ p(x, zₖ|y) / r(zₖ|x, y)",
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

    p(y) is the frequency of the label in the training data, with one added to each count. The two
    likeliest labels of a datum have K draws each, the others a tenth of K, from q. Pilot draws,
    which are not summed, say which those are. So the estimate of p(x) is unbiased, no label is left
    out, and its logarithm lies below log p(x) in expectation. Labels with zero probability cost
    nothing.
    """
    log_py = _label_frequencies(block)
    order = _likeliest_first(block, log_py, options)  # (L, B)
    k, rest = options.n_samples, _n_rest(options.n_samples)
    fewer = options.model_copy(update={"n_samples": rest, "proposal": "posterior"})
    weights = [
        _weights_given(block, y, options if rank < N_LIKELY else fewer, ("rank", rank))
        for rank, y in enumerate(order)
    ]
    joint = torch.stack([w.log_mean() for w in weights]) + log_py[order]
    share = joint.softmax(dim=0)
    variances = torch.stack([w.variance() for w in weights])
    others = f", {rest} for those but the likeliest two" if len(order) > N_LIKELY else ""
    remarks = dict.fromkeys([f"summed over the labels, {k} draws each{others}", weights[0].remark])
    return PerDatum(
        joint.logsumexp(dim=0),
        remark="; ".join(filter(None, remarks)),
        mc_variance=(share.square() * variances).sum(dim=0),
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


def _n_rest(n_samples: int) -> int:
    return min(n_samples, max(LEAST_REST, -(-n_samples // REST)))


def _likeliest_first(block: Block, log_py: Tensor, options: IwOptions) -> Tensor:
    """Return the labels of each datum in the order of their mass by pilot draws, (L, B)."""
    labels = [y for y, known in enumerate(log_py.isfinite().tolist()) if known]
    each = torch.tensor(labels, device=block.x.device).unsqueeze(1).expand(-1, len(block.x))
    if len(labels) <= N_LIKELY:
        return each
    few = options.model_copy(update={"n_samples": N_PILOT, "proposal": "posterior"})
    pilots = [_weights_given(block, y, few, ("pilot", int(y[0]))) for y in each]
    joint = torch.stack([w.log_mean() for w in pilots]) + log_py[each]
    return each.gather(0, joint.argsort(dim=0, descending=True, stable=True))


def _weights_given(
    block: Block, y: Tensor, options: IwOptions, name: tuple[str, int]
) -> ImportanceWeights:
    """Weight draws of each datum given its label in ``y`` (B,)."""
    view = block.context.model.given(y)
    if lacking := missing(view, Variational):
        raise NotApplicableError(f"the model given a label has no {', '.join(lacking)}")
    return bounds.importance_weights(
        view,
        block.x,
        options.n_samples,
        options.chunk_size,
        block.stream.child(*name),
        options.proposal,
    )


def _joint_health(weights: list[ImportanceWeights], share: Tensor) -> dict[str, Tensor]:
    """Return the joint health of all weights of a datum; k-hat is that of its most likely label.

    ``share`` (L, B) is the posterior probability of each label, those with K draws first.
    """
    each = [given_y.health() for given_y in weights]
    ess, largest = (torch.stack([h[name] for h in each]) for name in ("ess", "max_weight"))
    joint = {
        "ess": 1 / (share.square() / ess).sum(dim=0),
        "max_weight": (share * largest).amax(dim=0),
    }
    k_hats = [health["k_hat"] for health in each[:N_LIKELY] if "k_hat" in health]
    if k_hats:
        likeliest = share[: len(k_hats)].argmax(dim=0, keepdim=True)
        joint["k_hat"] = torch.stack(k_hats).gather(0, likeliest)[0]
    return joint
