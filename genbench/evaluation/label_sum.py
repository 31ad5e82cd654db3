"""The bound on log p(x) of a conditional model: a sum over its labels."""

from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, Variational, missing
from genbench.core.estimate import NotApplicableError
from genbench.evaluation.importance import IwOptions
from genbench.evaluation.spec import Block, PerDatum, evaluator
from genbench.inference import bounds
from genbench.inference.only_rows import OnlyRows
from genbench.inference.weights import ImportanceWeights

REST = 20
"""Each label of a datum has this part of K as pilot draws."""
LEAST_REST = 5
"""But no fewer draws, of which some are needed to tell their variance."""
LEAST_SHARE = 0.01
"""Labels with this part of the pilots' mass, and the likeliest, have K draws."""
Statistics = dict[str, Tensor]
"""From the name of a statistic of the weights to its values for each label and datum, (L, B)."""


@evaluator(
    name="label_marginal_log_likelihood",
    version=4,
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

    p(y) is the frequency of the label in the training data, with one added to each count. Each
    label of a datum has pilot draws from q, a twentieth of K. The likeliest label by these has K
    other draws in their place, and so has each with a hundredth of the mass. The others are left
    with their pilots, because these are small: so the estimate of p(x) is too small in the mean, if
    anything, and its logarithm lies below log p(x) in expectation. Labels with zero probability
    cost nothing.
    """
    log_py = _label_frequencies(block)
    order, found = _piloted(block, log_py, options)
    share = (found["log_mean"] + log_py[order]).softmax(dim=0)
    chosen = share >= LEAST_SHARE  # (L, B)
    chosen[0] = True
    k_hats, remark = _draw_all(block, order, chosen, found, options)
    joint = found["log_mean"] + log_py[order]
    share = joint.softmax(dim=0)
    k, few = options.n_samples, _n_pilot(options.n_samples)
    draws = f"{k} draws each" if few == k else f"{k} draws each, {few} where they have no mass"
    return PerDatum(
        joint.logsumexp(dim=0),
        remark="; ".join(filter(None, [f"summed over the labels, {draws}", remark])),
        mc_variance=(share.square() * found["variance"]).sum(dim=0),
        health=_joint_health(found, share) | _k_hat(k_hats, share, chosen),
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


def _n_pilot(n_samples: int) -> int:
    return min(n_samples, max(LEAST_REST, -(-n_samples // REST)))


def _piloted(block: Block, log_py: Tensor, options: IwOptions) -> tuple[Tensor, Statistics]:
    """Return the labels of each datum, those with most mass by the pilots first, and the pilots."""
    labels = [y for y, known in enumerate(log_py.isfinite().tolist()) if known]
    each = torch.tensor(labels, device=block.x.device).unsqueeze(1).expand(-1, len(block.x))
    few = {"n_samples": _n_pilot(options.n_samples), "proposal": "posterior"}
    pilot = options.model_copy(update=few)
    weights = [
        _statistics(_weights(block, _given(block, y), pilot, ("pilot", label)))
        for label, y in zip(labels, each, strict=True)
    ]
    found = {name: torch.stack([of_label[name] for of_label in weights]) for name in weights[0]}
    joint = found["log_mean"] + log_py[each]
    order = joint.argsort(dim=0, descending=True, stable=True)
    return each.gather(0, order), {name: v.gather(0, order) for name, v in found.items()}


def _draw_all(
    block: Block, order: Tensor, chosen: Tensor, found: Statistics, options: IwOptions
) -> tuple[list[Tensor], str]:
    """Replace the pilots of ``chosen`` labels (L, B) by K draws; return k-hats and a remark."""
    k_hats, remarks = [], []
    for rank, rows in enumerate(chosen):
        if not rows.any():
            break
        view = _given(block, order[rank])
        if not rows.all():
            some = rows.nonzero().squeeze(1)
            view = OnlyRows(view, _given(block, order[rank][some]), some)
        weights = _weights(block, view, options, ("rank", rank))
        for name, values in _statistics(weights).items():
            found[name][rank] = torch.where(rows, values, found[name][rank])
        remarks.append(weights.remark)
        if weights.k_hat is not None:
            k_hats.append(weights.k_hat)
    return k_hats, remarks[0]


def _given(block: Block, y: Tensor) -> Any:
    view = block.context.model.given(y)
    if lacking := missing(view, Variational):
        raise NotApplicableError(f"the model given a label has no {', '.join(lacking)}")
    return view


def _weights(
    block: Block, view: Variational, options: IwOptions, name: tuple[str, int]
) -> ImportanceWeights:
    size, stream = options.chunk_size, block.stream.child(*name)
    n = options.n_samples
    return bounds.importance_weights(view, block.x, n, size, stream, options.proposal)


def _statistics(weights: ImportanceWeights) -> Statistics:
    """Return what is kept of the weights of one label for each datum, (B,) each."""
    return {
        "log_mean": weights.log_mean(),
        "variance": weights.variance(),
        "ess": weights.ess(),
        "max_weight": weights.max_weight(),
    }


def _joint_health(found: Statistics, share: Tensor) -> dict[str, Tensor]:
    """Return the joint health of all weights; ``share`` (L, B) is the posterior of the labels."""
    return {
        "ess": 1 / (share.square() / found["ess"]).sum(dim=0),
        "max_weight": (share * found["max_weight"]).amax(dim=0),
    }


def _k_hat(k_hats: list[Tensor], share: Tensor, chosen: Tensor) -> dict[str, Tensor]:
    """Return k-hat of the likeliest label of each datum among those with K draws."""
    if not k_hats:
        return {}
    n = len(k_hats)
    likeliest = (share[:n] * chosen[:n]).argmax(dim=0, keepdim=True)
    return {"k_hat": torch.stack(k_hats).gather(0, likeliest)[0]}
