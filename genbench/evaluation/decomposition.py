"""Evaluator of the parts of the rate: the KL split by the aggregate posterior."""

from dataclasses import replace

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from genbench.core.capabilities import Variational
from genbench.core.estimate import Estimate, NotApplicableError, mean_and_stderr, require_finite
from genbench.core.metric import Parts
from genbench.core.options import Count
from genbench.evaluation.latent import factorised_normal
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, evaluator
from genbench.inference.aggregate import Mixture, decompose_kl, with_known_sum
from genbench.inference.bounds import posterior_of, prior_of

DECOMPOSITION_PARTS = Parts(
    names={
        "index_code_mi": "index-code mutual information",
        "dimension_wise_kl": "dimension-wise KL",
    },
    caption=(
        "The rate, averaged over images, in three parts: mutual information between image and code;"
        " total correlation, the dependence between dimensions of the aggregate posterior; and"
        " the KL from each dimension's aggregate posterior to its prior. They sum to the KL."
    ),
    note="In nats, ± standard error over draws of codes.",
)
PARTS = ("index_code_mi", "total_correlation", "dimension_wise_kl")


class DecompositionOptions(EvaluatorOptions):
    """``n_draws`` codes, each of a different datum, spread evenly over those evaluated.

    The mixture q(z) has a component for every datum evaluated: n is their number.
    """

    n_draws: Count = 1000
    n_data: PositiveInt | None = None


def reduce_decomposition(values: Tensor, options: DecompositionOptions) -> dict[str, Estimate]:
    """Estimate the three parts from loc and scale of q and p and noise, each (D,), (N, 5, D).

    They sum to the mean closed-form KL of the N data up to rounding. The errors are over draws.
    """
    require_finite(values)
    q_loc, q_scale, p_loc, p_scale, noise = values.double().unbind(dim=1)  # (N, D)
    q: Distribution = Normal(q_loc, q_scale, validate_args=False)
    p: Distribution = Normal(p_loc, p_scale, validate_args=False)
    total = kl_divergence(q, p).sum(dim=1).mean()
    n = len(values)
    m = min(options.n_draws, n)
    drawn = torch.arange(m, device=values.device) * n // m
    z = q_loc + q_scale * noise
    parts = decompose_kl(
        z[drawn],
        q.log_prob(z)[drawn].sum(dim=1),
        p.log_prob(z)[drawn],
        Mixture(q_loc, q_scale),
    )
    columns = with_known_sum(parts, total).unbind(dim=1)
    return {
        name: replace(mean_and_stderr(column), n=n)
        for name, column in zip(PARTS, columns, strict=True)
    }


@evaluator(
    name="kl_decomposition",
    version=1,
    needs=Variational,
    unit="nats",
    better="none",
    kind="estimate",
    title="Parts of the KL",
    formula="KL = I(n; z) + KL(q(z) ‖ Πᵢ q(zᵢ)) + Σᵢ KL(q(zᵢ) ‖ p(zᵢ)),  q(z) = 1/N Σₙ q(z|xₙ)",
    cites=("HoffmanJohnson2016:sec2", "Chen2018:eq2"),
    options=DecompositionOptions,
    reduce=reduce_decomposition,
    role="diagnostic",
    plot="stacked",
    margin=1.0,
    parts=DECOMPOSITION_PARTS,
)
def kl_decomposition(block: Block, options: DecompositionOptions) -> PerDatum:
    """The mean KL as index-code mutual information, total correlation and dimension-wise KL.

    q(z) is the finite mixture over the evaluated data, so the first part is at most log N: with
    respect to the aggregate posterior of all possible data it is biased low, and the total
    correlation high.
    """
    q = factorised_normal(posterior_of(block.model, block.x))
    p = factorised_normal(prior_of(block.model))
    if q is None or p is None:
        raise NotApplicableError("posterior and prior are not both factorised Gaussians")
    loc, scale = q.loc.flatten(1), q.scale.flatten(1)
    prior = [t.reshape(1, -1).expand_as(loc) for t in (p.loc, p.scale)]
    with block.stream.child("kl_decomposition").seeded():
        noise = torch.randn_like(loc)
    remark = "q(z) over the evaluated data only: the mutual information cannot exceed log n"
    return PerDatum(torch.stack([loc, scale, *prior, noise], dim=1), remark=remark)
