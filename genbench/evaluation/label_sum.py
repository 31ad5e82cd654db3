"""The bound on log p(x) of a conditional model: a sum over its labels."""

from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, Variational, missing
from genbench.core.estimate import NotApplicableError
from genbench.evaluation.importance import IwOptions, weights_of
from genbench.evaluation.spec import Block, PerDatum, evaluator
from genbench.inference import bounds
from genbench.inference.only_rows import OnlyRows
from genbench.inference.weights import ImportanceWeights

PILOT_PART = 20
"""Each label of a datum has K over this as pilot draws."""
LEAST_PILOT = 5
"""But no fewer draws, of which some are needed to tell their variance."""
LEAST_SHARE = 0.001
"""Labels that seem to have this part of the mass have K draws."""
Statistics = dict[str, Tensor]
"""From the name of a statistic of the weights to its values for each label and datum, (L, B)."""


@evaluator(
    name="label_marginal_log_likelihood",
    version=5,
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
    label of a datum has pilot draws from q, a twentieth of K. The datum's own label has K other
    draws in their place, which are those of the bound given the label; where it is not known, the
    likeliest one has. So has each label that then seems to have a thousandth of the mass. The
    others are left with their pilots, because these are small: so the estimate of p(x) is too small
    in the mean, if anything, and its logarithm lies below log p(x) in expectation.
    """
    log_py = _label_frequencies(block)
    order, found = _piloted(block, log_py, options)
    main = _main_weights(block, order[0], options)
    _replace(found, 0, main)
    apparent = (found["log_mean"] + log_py[order]).softmax(dim=0)
    for rank in range(1, len(order)):
        rows = apparent[rank] >= LEAST_SHARE
        if rows.any():
            _replace(found, rank, _weights_of_rows(block, rank, order[rank], rows, options), rows)
    joint = found["log_mean"] + log_py[order]
    share = joint.softmax(dim=0)
    k, few = options.n_samples, _n_pilot(options.n_samples)
    draws = f"{k} draws each" if few == k else f"{k} draws each, {few} where they have no mass"
    return PerDatum(
        joint.logsumexp(dim=0),
        remark="; ".join(filter(None, [f"summed over the labels, {draws}", main.remark])),
        mc_variance=(share.square() * found["variance"]).sum(dim=0),
        health=_joint_health(found, share),
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
    return min(n_samples, max(LEAST_PILOT, -(-n_samples // PILOT_PART)))


def _piloted(block: Block, log_py: Tensor, options: IwOptions) -> tuple[Tensor, Statistics]:
    """Return the labels of each datum in an order, (L, B), and the statistics of their pilots.

    Its own label comes first, if it is known and possible; then those with most mass.
    """
    labels = [y for y, known in enumerate(log_py.isfinite().tolist()) if known]
    each = torch.tensor(labels, device=block.x.device).unsqueeze(1).expand(-1, len(block.x))
    few = {"n_samples": _n_pilot(options.n_samples), "proposal": "posterior"}
    pilot = options.model_copy(update=few)
    weights = [
        _statistics(_weights(block, _given(block, y), pilot, ("pilot", label)))
        for label, y in zip(labels, each, strict=True)
    ]
    found = {name: torch.stack([of_label[name] for of_label in weights]) for name in weights[0]}
    key = found["log_mean"] + log_py[each]
    if block.y is not None:
        key = key.masked_fill(each == block.y, torch.inf)
    order = key.argsort(dim=0, descending=True, stable=True)
    return each.gather(0, order), {name: v.gather(0, order) for name, v in found.items()}


def _main_weights(block: Block, y: Tensor, options: IwOptions) -> ImportanceWeights:
    """Return K draws given the first label of each datum, which may serve other evaluators too."""
    if block.y is not None and torch.equal(y, block.y):
        return weights_of(block, options)
    return _weights(block, _given(block, y), options, ("rank", 0))


def _weights_of_rows(
    block: Block, rank: int, y: Tensor, rows: Tensor, options: IwOptions
) -> ImportanceWeights:
    """Return K draws given labels ``y`` (B,), of the data in ``rows`` (B,) only."""
    places = rows.nonzero().squeeze(1)
    view = OnlyRows(_given(block, y), _given(block, y[places]), places)
    return _weights(block, view, options, ("rank", rank))


def _replace(
    found: Statistics, rank: int, weights: ImportanceWeights, rows: Tensor | None = None
) -> None:
    """Put the statistics of K draws in the place of those of the pilots, of all or some data."""
    for name, values in _statistics(weights).items():
        old = found[name][rank]
        found[name][rank] = values if rows is None else torch.where(rows, values, old)


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
    log_mean = weights.log_mean()
    no_tail = torch.full_like(log_mean, torch.nan)
    return {
        "log_mean": log_mean,
        "variance": weights.variance(),
        "ess": weights.ess(),
        "max_weight": weights.max_weight(),
        "k_hat": no_tail if weights.k_hat is None else weights.k_hat,
    }


def _joint_health(found: Statistics, share: Tensor) -> dict[str, Tensor]:
    """Return the joint health of all weights; k-hat is that of the likeliest label.

    ``share`` (L, B) is the posterior of the labels.
    """
    return {
        "ess": 1 / (share.square() / found["ess"]).sum(dim=0),
        "max_weight": (share * found["max_weight"]).amax(dim=0),
        "k_hat": found["k_hat"].gather(0, share.argmax(dim=0, keepdim=True))[0],
    }
