"""Evaluator of log p(x) by extrapolating the importance-weighted bound to K of infinity."""

import math
from typing import Annotated, NamedTuple

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from genbench.core.capabilities import Variational
from genbench.core.estimate import Estimate, NotApplicableError, mean_and_stderr, require_finite
from genbench.core.options import countable
from genbench.core.statistics import MOST_K_HAT
from genbench.evaluation.importance import IwOptions, weights_of
from genbench.evaluation.spec import Block, PerDatum, evaluator
from genbench.inference.weights import MIN_DRAWS

MOST_ERROR, ROUNDING = 0.1, 1e-9
"""Beyond these nats, or ``MOST_K_HAT``, the bias of the bound does not fall as 1/K."""


class ExtrapolationOptions(IwOptions):
    """The same, of at least three draws."""

    n_samples: Annotated[int, Field(ge=MIN_DRAWS), AfterValidator(countable)] = 100


class Extrapolated(NamedTuple):
    """Of each datum, (N,): estimates by two jackknives, the variance of the bound, and k-hat."""

    estimate: Tensor
    from_halves: Tensor
    variance: Tensor
    k_hat: Tensor

    def require_order(self) -> None:
        """Raise unless the bias of the bound falls as 1/K, so that it can be taken out.

        Raises:
            NotApplicableError: k-hat lies above 0.7 for half of the data, a datum's Monte-Carlo
                error above 0.1, or the two jackknives differ by more than a tenth of the error.
        """
        known = self.k_hat[~self.k_hat.isnan()]
        if len(known) and known.median() > MOST_K_HAT:
            raise NotApplicableError("no extrapolation in 1/K: k-hat is above 0.7")
        error = float(self.variance.mean().sqrt())
        if not error <= MOST_ERROR:
            raise NotApplicableError(
                "no extrapolation in 1/K: the error of one datum is above 0.1 nats"
            )
        apart = float((self.estimate - self.from_halves).mean().abs())
        if apart > max(error / math.sqrt(len(self.variance)) / 10, ROUNDING):
            raise NotApplicableError("no extrapolation in 1/K: the bias does not fall as 1/K")


def reduce_extrapolated(values: Tensor) -> Estimate:
    """Return the mean estimate over data from the fields of :class:`Extrapolated`, (N, 4)."""
    require_finite(values[:, :2])
    columns = Extrapolated(*values.double().unbind(dim=1))
    columns.require_order()
    return mean_and_stderr(columns.estimate)


@evaluator(
    name="iw_extrapolated",
    version=2,
    needs=Variational,
    unit="nats",
    better="higher",
    kind="estimate",
    title="Importance-weighted bound, extrapolated",
    formula="G L_K − (G − 1) mean_g L₋g,  L₋g without the g-th of G groups of draws",
    cites=("Nowozin2018:jackknife",),
    options=ExtrapolationOptions,
    reduce=reduce_extrapolated,
    place=30,
    role="detail",
    plot="bounds",
    gated=False,
    log_density=True,
)
def iw_extrapolated(block: Block, options: ExtrapolationOptions) -> PerDatum:
    """Estimate of log p(x) without the bias of order 1/K: a jackknife over groups, not a bound.

    There is none where the bias does not fall as 1/K: where k-hat lies above 0.7, the Monte-Carlo
    error of one datum's bound above 0.1 nats, or a jackknife over halves disagrees by a tenth of
    the Monte-Carlo error. What is left of the bias is then small against that error.
    """
    weights = weights_of(block, options)
    estimate, variance = weights.extrapolated(), weights.variance()
    k_hat = torch.full_like(estimate, torch.nan) if weights.k_hat is None else weights.k_hat
    columns = Extrapolated(estimate, weights.extrapolated_from_halves(), variance, k_hat)
    return PerDatum(
        torch.stack(columns, dim=1),
        remark="; ".join(filter(None, ("bias of order 1/K²; not a bound", weights.remark))),
        mc_variance=variance,
        health=weights.health(),
    )
