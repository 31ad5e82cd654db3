"""Mean and variance of ELBO gradients in one dimension, by quadrature and from draws."""

import math

import pandas as pd
import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.objectives.elbo import ElboGradient, NegativeElbo
from genbench.studies.gradient_draws import gradient_draws
from genbench.studies.study import Array

ESTIMATORS: dict[str, ElboGradient] = {
    "score function": "score_function",
    "score function, baseline": "score_function_baseline",
    "reparameterised": "reparameterised",
}
W, NOISE, X = 1.2, 0.5, 2.0
LOC, SCALE = 0.3, 0.6
N_DATA = 8
PARAMETERS = ("loc", "log_scale")


class OneDimension(nn.Module):
    """z ~ N(0, 1), x ~ N(W z, NOISE^2), q(z given x) = N(loc, scale^2) with two parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.tensor([LOC], dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.tensor([SCALE], dtype=torch.float64).log())

    def prior(self) -> Distribution:
        """Return N(0, 1): batch (), event (1,)."""
        zero = torch.zeros(1, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return N(W z, NOISE^2)."""
        return Independent(Normal(W * z, torch.full_like(z, NOISE), validate_args=False), 1)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q: batch (B,), event (1,), the same for every datum."""
        loc = self.loc.expand(len(x), 1)
        scale = self.log_scale.exp().expand_as(loc)
        return Independent(Normal(loc, scale, validate_args=False), 1)


def exact_moments(n_data: int = N_DATA) -> pd.DataFrame:
    """Return mean and variance of each estimator of the loss's gradient, for n equal data.

    With f = log p(x, z) - log q(z) and a the score of q, one draw of the score-function gradient
    is -f a. With the mean of the other data as baseline the batch gives minus the unbiased sample
    covariance of f and a, whose variance over n pairs is
    (m22 - m11^2) / n + (m20 m02 + m11^2) / (n (n - 1)) in central moments. The reparameterised
    gradient is that of the closed-form KL, minus the derivative of log p(x given z) in z times that
    of z = loc + scale e.

    The integrands are polynomials, for which the Gauss-Hermite rule is exact.
    """
    nodes, mass = hermegauss(20)
    mass = mass / mass.sum()

    def mean(values: Array) -> float:
        return float(mass @ values)

    z = LOC + SCALE * nodes
    log_px = -0.5 * ((X - W * z) / NOISE) ** 2 - math.log(NOISE)
    f = log_px - 0.5 * z**2 + 0.5 * nodes**2 + math.log(SCALE) - 0.5 * math.log(2 * math.pi)
    slope = (X - W * z) * W / NOISE**2
    scores = {"loc": nodes / SCALE, "log_scale": nodes**2 - 1}
    paths = {"loc": slope - LOC, "log_scale": slope * SCALE * nodes - (SCALE**2 - 1)}
    rows = []
    for name in PARAMETERS:
        a, path = scores[name], paths[name]
        expected, centred = mean(f * a), f - mean(f)
        of_pairs = mean(centred**2 * a**2) - expected**2
        spread = mean(centred**2) * mean(a**2) + expected**2
        variances = (
            mean((f * a) ** 2) - expected**2,
            of_pairs + spread / (n_data - 1),
            mean(path**2) - mean(path) ** 2,
        )
        for estimator, variance in zip(ESTIMATORS, variances, strict=True):
            exact = -mean(path) if estimator == "reparameterised" else -expected
            rows.append((name, estimator, exact, variance / n_data))
    return pd.DataFrame(rows, columns=["parameter", "estimator", "mean_exact", "variance_exact"])


def measured_moments(n_draws: int, stream: Stream) -> pd.DataFrame:
    """Return the same moments from draws of the objective's gradient, with standard errors."""
    x = torch.full((N_DATA, 1), X, dtype=torch.float64)
    batch, rows = Batch(x, torch.zeros(N_DATA)), []
    for estimator, gradient in ESTIMATORS.items():
        objective = NegativeElbo(gradient=gradient)
        draws = gradient_draws(OneDimension(), objective, batch, n_draws, stream.child(estimator))
        for name in PARAMETERS:
            g = draws[name].squeeze(1).numpy()
            squares = (g - g.mean()) ** 2
            errors = g.std() / math.sqrt(n_draws), squares.std() / math.sqrt(n_draws)
            rows.append((name, estimator, g.mean(), errors[0], g.var(ddof=1), errors[1]))
    columns = ["mean", "mean_stderr", "variance", "variance_stderr"]
    return pd.DataFrame(rows, columns=["parameter", "estimator", *columns])


def compared(n_draws: int, stream: Stream) -> pd.DataFrame:
    """Return exact and measured moments, with their differences in standard errors."""
    keys = ["parameter", "estimator"]
    table = exact_moments().merge(measured_moments(n_draws, stream), on=keys)
    for moment in ("mean", "variance"):
        difference = table[moment] - table[f"{moment}_exact"]
        table[f"{moment}_off"] = difference / table[f"{moment}_stderr"]
    return table
