"""Estimates of log p(x) by draws from the prior and from q, beside the exact value."""

import math

import numpy as np
import pandas as pd
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.inference.bounds import importance_weights, prior_weights
from genbench.models.linear_gaussian import LinearGaussian
from genbench.studies.linear_models import MovedPosterior, chosen_linear_gaussian, draw_data
from genbench.studies.study import Check, Findings, Setting, study

PRIOR, APPROXIMATE, TRUE = "prior", "approximate posterior q", "true posterior"
ENOUGH = 100
"""Largest K for the true posterior, under which every K gives the same."""


class Grid(Options):
    """Latent sizes, numbers of draws K, and the approximate q beside them.

    ``shift`` and ``stretch`` move q away from the true posterior in units of the latter's scale.
    ``n_repeats`` estimates are made of each of ``n_data`` data.
    """

    latent_dims: tuple[PositiveInt, ...] = (1, 2, 5, 10, 20)
    n_samples: tuple[PositiveInt, ...] = (1, 10, 100, 1000, 10_000)
    n_pixels: PositiveInt = 24
    n_data: PositiveInt = 10
    n_repeats: PositiveInt = 20
    s2: PositiveFloat = 0.05
    shift: float = 0.3
    stretch: float = Field(1.2, gt=0.5**0.5)


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
    """Return Var(w) / E[w]^2 for draws from the true posterior moved and stretched.

    w / p(x) = p(z given x) / q(z given x): a product over dimensions of the moment in
    :func:`genbench.studies.weights.moment`, finite where stretch^2 > 1/2.
    """
    precision = 2 - 1 / stretch**2
    one = stretch / math.sqrt(precision) * math.exp(shift**2 / (2 * stretch**2 - 1))
    return one**latent_dim - 1


@study("proposals", title="The prior and the posterior as proposals", options=Grid)
def proposals(options: Grid, setting: Setting) -> Findings:
    """Error of the estimated log p(x) against K and latent size, for draws from p(z) and from q."""
    rows: list[dict[str, object]] = []
    for latent_dim in options.latent_dims:
        stream = setting.stream.child(latent_dim)
        model = chosen_linear_gaussian(
            latent_dim, options.n_pixels, options.s2, stream.child("model")
        )
        x = draw_data(model, options.n_data, stream.child("data"))
        rows += _of_size(model, x, options, stream)
    table = pd.DataFrame(rows)
    exact = table.proposal == TRUE
    tables = {"estimates": table[~exact], "true_posterior": table[exact]}
    return Findings(tables, _checks(table, options), _plots())


def _of_size(
    model: LinearGaussian, x: Tensor, options: Grid, stream: Stream
) -> list[dict[str, object]]:
    latent_dim = model.W.shape[1]
    moved = relative_variance_of_moved_posterior(options.shift, options.stretch, latent_dim)
    relative = {
        PRIOR: float(relative_variance_of_prior_draws(model, x).mean()),
        APPROXIMATE: moved,
        TRUE: 0.0,
    }
    return [
        {"latent_dim": latent_dim, "proposal": proposal, "n_samples": k}
        | errors(model, x, proposal, k, options, stream.child(proposal, k))
        | {"relative_variance": relative[proposal]}
        for proposal in relative
        for k in options.n_samples
        if proposal != TRUE or k <= ENOUGH
    ]


def errors(
    model: LinearGaussian, x: Tensor, proposal: str, k: int, options: Grid, stream: Stream
) -> dict[str, float]:
    """Return the mean and the spread of log p_hat - log p(x), and the mean of p_hat / p(x).

    The spread is over the estimates of one datum; the standard error of the mean, for these data.
    """
    many = x.repeat_interleave(options.n_repeats, dim=0)  # (n_data * n_repeats, ...)
    if proposal == PRIOR:
        weights = prior_weights(model, many, k, None, stream)
    else:
        exact = proposal == TRUE
        moved = MovedPosterior(model, options.shift, options.stretch)
        weights = importance_weights(model if exact else moved, many, k, None, stream)
    error = (weights.log_mean() - model.log_prob(many)).reshape(len(x), -1).numpy()
    spread = float(np.sqrt(error.var(axis=1, ddof=1).mean()))
    return {
        "bias": float(error.mean()),
        "bias_stderr": spread / math.sqrt(error.size),
        "spread": spread,
        "error": float(np.sqrt((error**2).mean())),
        "ratio": float(np.exp(error).mean()),
    }


def _checks(table: pd.DataFrame, options: Grid) -> tuple[Check, ...]:
    exact = float(table[table.proposal == TRUE].error.max())
    largest, most = max(options.latent_dims), max(options.n_samples)
    at = table[(table.latent_dim == largest) & (table.n_samples == most)]
    bias = at.set_index("proposal").bias
    less = float(bias[APPROXIMATE] - bias[PRIOR])
    where = f"{largest} dimensions, K = {most}"
    return (
        Check("error under the true posterior, K = 1 and more, largest, nats", 0.0, exact, 1e-9),
        *_averages(table, options.n_data * options.n_repeats),
        Check(f"nats by which the prior is lower than q, {where}", 1.0, less, 0.0, ">="),
    )


def _averages(table: pd.DataFrame, n: int) -> tuple[Check, Check]:
    """Check that p_hat has no bias and that its logarithm is low; a row is a mean of n."""
    stderr = np.sqrt(table.relative_variance / table.n_samples / n)
    off = ((table.ratio - 1).abs() - 1e-10) / (4 * stderr).clip(lower=1e-300)
    high = table.bias - 4 * table.bias_stderr
    return (
        Check(
            "|mean of p_hat / p(x) - 1| in 4 standard errors, largest",
            1.0,
            float(off.max()),
            0.0,
            "<=",
            note="Standard errors from the exact variance of the weights, which is finite here.",
        ),
        Check(
            "mean of log p_hat - log p(x) less 4 standard errors, largest, nats",
            0.0,
            float(high.max()),
            1e-9,
            "<=",
            note="Jensen: the logarithm of an unbiased estimate is low on average.",
        ),
    )


def _plots() -> tuple[Plot, ...]:
    common = {
        "table": "estimates",
        "x": "n_samples",
        "hue": "latent_dim",
        "panel": "proposal",
        "x_label": "draws K",
        "log_x": True,
    }
    return (
        Plot.model_validate(
            common
            | {
                "name": "error",
                "title": "Error of the estimated log p(x) against K",
                "caption": "Root mean squared error over repeats, linear-Gaussian models. From "
                "the prior each added dimension multiplies the draws that are needed; a "
                "reasonable q needs few. The true posterior is exact for K = 1, to rounding.",
                "y": ("error",),
                "y_label": "error, nats",
                "log_y": True,
            }
        ),
        Plot.model_validate(
            common
            | {
                "name": "bias",
                "title": "The estimate of log p(x) is low on average",
                "caption": "Mean of the estimate less the exact value, 95 % intervals.",
                "y": ("bias",),
                "error": "bias_stderr",
                "free_y": True,
                "y_label": "bias, nats",
            }
        ),
    )
