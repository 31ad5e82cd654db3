"""Evaluators of the latent space: the rate, its parts, and how many dimensions are used."""

import torch
from pydantic import PositiveFloat
from torch import Tensor

from genbench.core.capabilities import HasPosterior, Variational
from genbench.core.estimate import Estimate, require_finite
from genbench.core.seeding import generator
from genbench.evaluation.likelihood import ElboOptions, kl_remark
from genbench.evaluation.spec import (
    Block,
    EvaluatorOptions,
    NotApplicableError,
    PerDatum,
    evaluator,
)
from genbench.inference.bounds import posterior_of

N_RESAMPLES = 200


@evaluator(
    name="kl",
    version=1,
    needs=Variational,
    unit="nats",
    better="none",
    kind="exact",
    title="KL (rate)",
    formula="KL(q(z|x) ‖ p(z))",
    cites=("KingmaWelling2014:eq3",),
    options=ElboOptions,
)
def kl(block: Block, options: ElboOptions) -> PerDatum:
    """Information that the code carries about a datum: the KL inside the ELBO, unweighted."""
    terms = block.elbo_terms(options.n_samples)
    return PerDatum(terms.kl, None if terms.closed_form else "estimate", kl_remark(terms))


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
    per_dimension=True,
)
def kl_per_dim(block: Block, options: ElboOptions) -> PerDatum:
    """The KL split over latent dimensions; the rows add up to it."""
    terms = block.elbo_terms(options.n_samples)
    if terms.kl_per_dim is None:
        raise NotApplicableError("posterior and prior do not both factorise over dimensions")
    return PerDatum(terms.kl_per_dim)


class ActiveUnitsOptions(EvaluatorOptions):
    """A dimension is active when the variance of its posterior mean exceeds ``threshold``."""

    threshold: PositiveFloat = 0.01


def count_active(means: Tensor, options: ActiveUnitsOptions) -> Estimate:
    """Count the active dimensions of posterior means (N, D); the error is a bootstrap over data.

    References:
        Burda, Grosse, Salakhutdinov 2016, section 5: Var_x(E_q[u]) > 0.01.
    """
    require_finite(means)
    means = means.double().cpu()
    n = len(means)
    active = means.var(dim=0, correction=0) > options.threshold
    resample = torch.randint(n, (N_RESAMPLES, n), generator=generator(0, "active_units", n))
    weights = torch.stack([torch.bincount(row, minlength=n) for row in resample]).double() / n
    centred = means - means.mean(dim=0)
    variances = weights @ centred.square() - (weights @ centred).square()  # (resamples, D)
    counts = (variances > options.threshold).sum(dim=1).double()
    return Estimate(float(active.sum()), float(counts.std()), n)


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
)
def active_units(block: Block, options: ActiveUnitsOptions) -> PerDatum:
    """Number of latent dimensions in use: those whose posterior mean moves with the datum."""
    return PerDatum(posterior_of(block.model, block.x).mean.flatten(1))
