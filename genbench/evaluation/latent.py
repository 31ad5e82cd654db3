"""Evaluators of the latent space: the rate, its parts and the number of active dimensions."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.distributions import Distribution, Normal

from genbench.core.capabilities import HasPosterior, Variational
from genbench.core.estimate import Estimate, NotApplicableError, require_finite
from genbench.core.metric import Kind, Parts
from genbench.core.seeding import generator
from genbench.core.tensors import innermost, mean_of
from genbench.evaluation.likelihood import ElboOptions, kl_remark
from genbench.evaluation.spec import Block, EvaluatorOptions, PerDatum, evaluator
from genbench.inference.bounds import posterior_of

N_RESAMPLES = 200
KL_PARTS = Parts(
    caption=(
        "Nats of information about an image in each latent dimension, averaged over images,"
        " largest first: KL(q(z|x) ‖ p(z)) per dimension. A bar near zero means that the model"
        " does not use that dimension. All panels share one scale; one seed per model is shown."
    ),
)
SWEEP_PARTS = Parts(
    head="> {}",
    caption=(
        "A latent dimension counts as active if the variance of its posterior mean over images"
        " exceeds a threshold, usually 0.01. A flat line means that the count does not depend on"
        " the threshold."
    ),
    note="Number of active dimensions.",
)


def factorised_normal(distribution: Distribution) -> Normal | None:
    """Return the Normal over all coordinates inside ``distribution``, or None."""
    family = innermost(distribution)
    return family if isinstance(family, Normal) else None


@evaluator(
    name="kl",
    version=2,
    needs=Variational,
    unit="nats",
    better="none",
    kind="exact",
    title="KL (rate)",
    formula="KL(q(z|x) ‖ p(z))",
    cites=("KingmaWelling2014:eq3",),
    options=ElboOptions,
    place=120,
    role="diagnostic",
    term="rate",
    plot="none",
    margin=1.0,
    leaderboard="rate",
)
def kl(block: Block, options: ElboOptions) -> PerDatum:
    """Information that the code carries about a datum: the unweighted KL of the ELBO."""
    terms = block.elbo_terms(options.n_samples)
    kind: Kind = "exact" if terms.closed_form else "estimate"
    return PerDatum(terms.kl, kind, kl_remark(terms), terms.kl_variance)


@evaluator(
    name="kl_per_dim",
    version=1,
    needs=Variational,
    unit="nats",
    better="none",
    kind="exact",
    title="KL per dimension",
    formula="KL(q(zᵢ|x) ‖ p(zᵢ))",
    options=ElboOptions,
    role="diagnostic",
    plot="bars",
    parts=KL_PARTS,
)
def kl_per_dim(block: Block, options: ElboOptions) -> PerDatum:
    """The KL of each latent dimension; the rows sum to the KL."""
    terms = block.elbo_terms(options.n_samples)
    if terms.kl_per_dim is None:
        raise NotApplicableError("posterior and prior do not both factorise over dimensions")
    return PerDatum(terms.kl_per_dim)


class ActiveUnitsOptions(EvaluatorOptions):
    """A dimension is active when the variance of its posterior mean exceeds ``threshold``."""

    threshold: PositiveFloat = 0.01


class ActiveUnitsSweepOptions(EvaluatorOptions):
    """One row per threshold."""

    thresholds: tuple[PositiveFloat, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)


def _count_at(means: Tensor, thresholds: Sequence[float]) -> list[Estimate]:
    """Count dimensions of means (N, D) by the variance over data, with bootstrap errors."""
    require_finite(means)
    means = means.double().cpu()
    n = len(means)
    weights = _resampling(n)
    centred = means - means.mean(dim=0)
    variances = weights @ centred.square() - (weights @ centred).square()  # (resamples, D)
    over_data = means.var(dim=0, correction=0)
    counts = [(variances > t).sum(dim=1).double() for t in thresholds]
    return [
        Estimate(float((over_data > t).sum()), float(count.std()), n)
        for t, count in zip(thresholds, counts, strict=True)
    ]


@lru_cache(maxsize=2)
def _resampling(n: int) -> Tensor:
    """Return how often each of n data is in each bootstrap resample, divided by n, on the CPU."""
    rows = torch.randint(n, (N_RESAMPLES, n), generator=generator(0, "active_units", n))
    return torch.stack([torch.bincount(row, minlength=n) for row in rows]).double() / n


def count_active(means: Tensor, options: ActiveUnitsOptions) -> Estimate:
    """Count the active dimensions of posterior means (N, D); the error is a bootstrap over data.

    References:
        Burda, Grosse, Salakhutdinov 2016, section 5: Var_x(E_q[u]) > 0.01.
    """
    return _count_at(means, [options.threshold])[0]


def sweep_active(means: Tensor, options: ActiveUnitsSweepOptions) -> dict[str, Estimate]:
    """Count the active dimensions of posterior means (N, D) at every threshold."""
    names = [f"{threshold:g}" for threshold in options.thresholds]
    return dict(zip(names, _count_at(means, options.thresholds), strict=True))


@evaluator(
    name="active_units",
    version=1,
    needs=HasPosterior,
    unit="dimensions",
    better="none",
    kind="estimate",
    title="Active units",
    formula="#{i : Var_x(E_q[zᵢ]) > threshold}",
    cites=("Burda2016:sec5",),
    options=ActiveUnitsOptions,
    reduce=count_active,
    place=130,
    role="diagnostic",
    plot="none",
    margin=2.0,
)
def active_units(block: Block, options: ActiveUnitsOptions) -> PerDatum:
    """Number of latent dimensions in use: their posterior mean varies with the datum."""
    return PerDatum(mean_of(posterior_of(block.model, block.x)).flatten(1))


@evaluator(
    name="active_units_sweep",
    version=1,
    needs=HasPosterior,
    unit="dimensions",
    better="none",
    kind="estimate",
    title="Active units against the threshold",
    formula="#{i : Var_x(E_q[zᵢ]) > threshold}",
    cites=("Burda2016:sec5",),
    options=ActiveUnitsSweepOptions,
    reduce=sweep_active,
    role="diagnostic",
    plot="steps",
    margin=2.0,
    parts=SWEEP_PARTS,
)
def active_units_sweep(block: Block, options: ActiveUnitsSweepOptions) -> PerDatum:
    """Active units at several thresholds: if they agree, the choice does not matter."""
    return PerDatum(mean_of(posterior_of(block.model, block.x)).flatten(1))
