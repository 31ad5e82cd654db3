"""Estimates of log p(x) from draws of the prior and of q, compared with the exact value."""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from pydantic import Field, PositiveFloat
from torch import Tensor

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.inference.bounds import importance_weights, prior_weights
from genbench.models.linear_gaussian import LinearGaussian
from genbench.studies.linear_models import MovedPosterior, chosen_linear_gaussian, draw_data
from genbench.studies.study import (
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    at_most,
    equal,
    study,
)

PRIOR, APPROXIMATE, TRUE = "prior", "approximate posterior q", "true posterior"
MOST_TRUE = 100
"""Largest K for the true posterior, where every K gives the same estimate."""
_over_k = partial(
    Plot, table="estimates", x="n_samples", hue="latent_dim", panel="proposal",
    x_label="draws K", log_x=True,
)  # fmt: skip
PLOTS = (
    _over_k(
        name="error",
        title="Error of the estimated log p(x) against K",
        caption="Root mean squared error over repeats, linear-Gaussian models. With draws from the "
        "prior, each added dimension multiplies the number needed; a reasonable q needs few. The "
        "true posterior is exact for K = 1, up to rounding.",
        y=("error",),
        y_label="error, nats",
        log_y=True,
    ),
    _over_k(
        name="bias",
        title="The estimate of log p(x) is too low on average",
        caption="Mean of the estimate minus the exact value, with 95 % intervals.",
        y=("bias",),
        error="bias_stderr",
        free_y=True,
        y_label="bias, nats",
    ),
)


class ProposalsOptions(StudyOptions):
    """Latent sizes, numbers of draws K, and the approximate posterior q.

    ``shift`` and ``stretch`` move q away from the true posterior, in units of its scale.
    Each of ``n_data`` data has ``n_repeats`` estimates.
    """

    latent_dims: tuple[Count, ...] = Field((1, 2, 5, 10, 20), min_length=1)
    n_samples: tuple[Count, ...] = Field((1, 10, 100, 1000, 10_000), min_length=1)
    n_pixels: Count = 24
    n_data: Count = 10
    n_repeats: Count = 20
    s2: PositiveFloat = 0.05
    shift: float = 0.3
    stretch: float = Field(1.2, gt=0.5**0.5)

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        latent_dim = max(self.latent_dims)
        return max(self.n_data * self.n_repeats, latent_dim) * max(self.n_pixels, latent_dim)


def relative_variance_of_prior_draws(model: LinearGaussian, x: Tensor) -> Tensor:
    """Return Var(w) / E[w]^2 for w = p(x given z), z ~ p(z), (B,): a Gaussian integral.

    p(x given z)^2 is, up to a constant, the density of the same model with half the noise variance:
    N(x; Wz, s2 I)^2 = (4 pi s2)^(-D/2) N(x; Wz, s2/2 I). The integral over z is that model's p(x).
    """
    halved = LinearGaussian(model.W.shape[1], model.image_shape)
    halved.W.copy_(model.W)
    halved.mean.copy_(model.mean)
    halved.s2.copy_(model.s2 / 2)
    log_constant = -0.5 * x[0].numel() * math.log(4 * math.pi * float(model.s2))
    log_second = halved.log_prob(x) + log_constant
    return (log_second - 2 * model.log_prob(x)).exp() - 1


def relative_variance_of_moved_posterior(shift: float, stretch: float, latent_dim: int) -> float:
    """Return Var(w) / E[w]^2 for draws from the shifted and stretched true posterior.

    w / p(x) = p(z given x) / q(z given x): a product over dimensions of the moment in
    :func:`genbench.studies.weights.moment`, finite where stretch^2 > 1/2.
    """
    precision = 2 - 1 / stretch**2
    one = stretch / math.sqrt(precision) * math.exp(shift**2 / (2 * stretch**2 - 1))
    return one**latent_dim - 1


@study("proposals", title="The prior and the posterior as proposals", options=ProposalsOptions)
def proposals(options: ProposalsOptions, setting: Setting) -> Findings:
    """Error of the estimated log p(x) against K and latent size, for draws from p(z) and from q."""
    rows: list[dict[str, object]] = []
    for latent_dim in options.latent_dims:
        stream = setting.stream.child(latent_dim)
        model_stream = stream.child("model")
        model = chosen_linear_gaussian(latent_dim, options.n_pixels, options.s2, model_stream)
        x = draw_data(model, options.n_data, stream.child("data"))
        rows += _of_size(model, x, options, stream)
    table = pd.DataFrame(rows)
    exact = table.proposal == TRUE
    tables = {"estimates": table[~exact], "true_posterior": table[exact]}
    return Findings(tables, tuple(_checks(table, options)), PLOTS)


def _of_size(
    model: LinearGaussian, x: Tensor, options: ProposalsOptions, stream: Stream
) -> list[dict[str, object]]:
    latent_dim, moved = model.W.shape[1], (options.shift, options.stretch)
    relative = {
        PRIOR: float(relative_variance_of_prior_draws(model, x).mean()),
        APPROXIMATE: relative_variance_of_moved_posterior(*moved, latent_dim),
        TRUE: 0.0,
    }
    return [
        {"latent_dim": latent_dim, "proposal": proposal, "n_samples": k}
        | errors(model, x, proposal, k, options, stream.child(proposal, k))
        | {"relative_variance": relative[proposal]}
        for proposal in relative
        for k in options.n_samples
        if proposal != TRUE or k <= MOST_TRUE
    ]


def errors(
    model: LinearGaussian,
    x: Tensor,
    proposal: str,
    k: int,
    options: ProposalsOptions,
    stream: Stream,
) -> dict[str, float]:
    """Return the mean and the spread of log p_hat - log p(x), and the mean of p_hat / p(x).

    The spread is over the estimates of one datum; the standard error is for these fixed data.
    """
    many = x.repeat_interleave(options.n_repeats, dim=0)  # (n_data * n_repeats, ...)
    if proposal == PRIOR:
        weights = prior_weights(model, many, k, None, stream)
    else:
        moved = MovedPosterior(model, options.shift, options.stretch)
        weights = importance_weights(model if proposal == TRUE else moved, many, k, None, stream)
    error = (weights.log_mean() - model.log_prob(many)).reshape(len(x), -1).numpy()
    spread = float(np.sqrt(error.var(axis=1, ddof=1).mean()))
    return {
        "bias": float(error.mean()),
        "bias_stderr": spread / math.sqrt(error.size),
        "spread": spread,
        "error": float(np.sqrt((error**2).mean())),
        "ratio": float(np.exp(error).mean()),
    }


def _checks(table: pd.DataFrame, options: ProposalsOptions) -> Iterator[StudyCheck]:
    name = "largest error under the true posterior, over all K, nats"
    yield equal(name, 0.0, table[table.proposal == TRUE].error.max(), 1e-9)
    yield from _averages(table, options.n_data * options.n_repeats)
    largest, most = max(options.latent_dims), max(options.n_samples)
    at = table[(table.latent_dim == largest) & (table.n_samples == most)]
    bias = at.set_index("proposal").bias
    name = f"nats by which the prior's estimate is below q's, {largest} dimensions, K = {most}"
    yield at_least(name, 1.0, bias[APPROXIMATE] - bias[PRIOR])


def _averages(table: pd.DataFrame, n: int) -> Iterator[StudyCheck]:
    """Check that p_hat is unbiased and that its logarithm is low; a row is a mean of n."""
    stderr = np.sqrt(table.relative_variance / table.n_samples / n)
    off = ((table.ratio - 1).abs() - 1e-10) / (4 * stderr).clip(lower=1e-300)
    name = "largest |mean of p_hat / p(x) - 1| in units of 4 standard errors"
    note = "Standard errors from the exact variance of the weights, which is finite here."
    yield at_most(name, 1.0, off.max(), note=note)
    name = "largest mean of log p_hat - log p(x) minus 4 standard errors, nats"
    note = "Jensen: the logarithm of an unbiased estimate is low on average."
    yield at_most(name, 0.0, (table.bias - 4 * table.bias_stderr).max(), 1e-9, note)
