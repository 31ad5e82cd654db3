"""Evaluators of log p(x): the ELBO, the exact value, and code lengths.

The bounds from importance weights are in ``importance.py``, ``prior.py`` and ``label_sum.py``.
"""

from typing import ClassVar

from pydantic import PositiveInt

from genbench.core.capabilities import (
    Cautions,
    DrawsElbo,
    HasExactDensity,
    Variational,
    log_prob_kind,
)
from genbench.core.estimate import NotApplicableError
from genbench.core.metric import Kind
from genbench.core.options import Count
from genbench.core.tensors import support_of
from genbench.core.units import bits_per_dim as to_bits_per_dim
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, Sizes, evaluator
from genbench.inference import bounds


class ElboOptions(EvaluatorOptions):
    """``n_samples`` draws from q(z given x), or from a bound of the model's own, per datum."""

    names: ClassVar[dict[str, str]] = {"n_samples": ""}
    n_samples: Count = 10

    def n_bytes(self, sizes: Sizes) -> int:
        """Return the size of the images decoded from all draws for a block."""
        return 4 * self.n_samples * sizes.block * sizes.n_pixels


@evaluator(
    name="elbo",
    version=1,
    needs=(Variational, DrawsElbo),
    unit="nats",
    better="higher",
    kind="lower_bound",
    title="ELBO",
    formula="E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))",
    cites=("KingmaWelling2014:eq3", "Ho2020:eq5"),
    options=ElboOptions,
    place=10,
    tightness=1,
    plot="bounds",
    hollow=True,
    log_density=True,
    leaderboard="likelihood",
    selects=2,
)
def elbo(block: Block, options: ElboOptions) -> PerDatum:
    """Evidence lower bound: at most log p(x) in expectation, whatever beta was used in training."""
    return _elbo(block, options.n_samples)


def _elbo(block: Block, n_samples: int) -> PerDatum:
    if not isinstance(block.model, Variational):
        draws = block.elbo_draws(n_samples)
        return PerDatum(draws.mean(dim=0), mc_variance=bounds.variance_of_mean(draws))
    terms = block.elbo_terms(n_samples)
    return PerDatum(terms.elbo, remark=kl_remark(terms), mc_variance=terms.elbo_variance)


def kl_remark(terms: bounds.ElboTerms) -> str:
    """Return how the KL was computed if torch has no closed form."""
    return "" if terms.closed_form else "KL by Monte Carlo: no closed form for this pair"


@evaluator(
    name="log_likelihood",
    version=1,
    needs=HasExactDensity,
    unit="nats",
    better="higher",
    kind="exact",
    title="Exact log-likelihood",
    formula="log p(x)",
    place=70,
    plot="bounds",
    estimator="exact",
    log_density=True,
    leaderboard="likelihood",
    selects=1,
)
def log_likelihood(block: Block, options: EvaluatorOptions) -> PerDatum:
    """The exact log p(x), for models that provide it; the bounds are checked against it."""
    kind = log_prob_kind(block.model)
    return PerDatum(block.model.log_prob(block.x), kind, _caution(block))


def _caution(block: Block) -> str:
    return block.model.caution() if isinstance(block.model, Cautions) else ""


class BitsOptions(ElboOptions):
    """``n_levels`` grey levels of dequantised data, if the runner does not know them."""

    n_levels: PositiveInt | None = None


_LENGTHS: dict[Kind, Kind] = {
    "exact": "exact",
    "lower_bound": "upper_bound",
    "upper_bound": "lower_bound",
    "estimate": "estimate",
}
"""What a code length is of the exact one, by what its log p(x) is."""


@evaluator(
    name="bits_per_dim",
    version=1,
    needs=(Variational, HasExactDensity, DrawsElbo),
    unit="bits/dim",
    better="lower",
    kind="upper_bound",
    title="Bits per dimension",
    formula="−ELBO / (D log 2)  [+ log₂ levels, for dequantised data]",
    cites=("Theis2016:sec3.1",),
    options=BitsOptions,
    place=90,
    role="detail",
    plot="none",
    margin=0.02,
    log_density=True,
)
def bits_per_dim(block: Block, options: BitsOptions) -> PerDatum:
    """Code length per pixel, or per channel in colour, by the model's ELBO (or exact log p)."""
    n_levels = options.n_levels or block.context.n_levels
    if _is_mass(block):
        n_levels = None
    elif n_levels is None:
        raise NotApplicableError(
            "a density (or a possible one) gives no code length unless the data are dequantised;"
            " a log p(x) of discrete pixels says is_mass = True"
        )
    offset = to_bits_per_dim(0.0, 1, n_levels)
    per_nat = to_bits_per_dim(1.0, block.n_dims, None)
    if isinstance(block.model, HasExactDensity):
        kind = _LENGTHS[log_prob_kind(block.model)]
        bits = block.model.log_prob(block.x) * per_nat + offset
        return PerDatum(bits, kind, _caution(block))
    bound = _elbo(block, options.n_samples)
    variance = None if bound.mc_variance is None else bound.mc_variance * per_nat**2
    return PerDatum(bound.values * per_nat + offset, mc_variance=variance)


def _is_mass(block: Block) -> bool:
    if not isinstance(block.model, Variational):
        return bool(getattr(block.model, "is_mass", False))
    with block.stream.child("support").seeded():
        z = bounds.prior_of(block.model).sample()
    support = support_of(block.model.observation_model(z.expand(len(block.x), *z.shape)))
    return bool(getattr(support, "is_discrete", False))
