"""Importance weights and their logarithms: why the ELBO is easier to estimate than p(x)."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.inference.bounds import draw, importance_weights, log_weights
from genbench.studies.study import (
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_most,
    equal,
    study,
)

PLOTS = (
    Plot(
        name="densities",
        title="Weights and log weights under q = N(2, 1.1²), p = N(0, 1)",
        caption="Histograms of draws from q. A few weights are far larger than all others; "
        "their logarithms have a short tail.",
        table="densities",
        x="value",
        y=("density",),
        panel="of",
        free_y=True,
        x_label="value",
        y_label="density",
    ),
    Plot(
        name="scales",
        title="Relative variance against the scale of q",
        caption="Closed forms, mean of q at 2. The variance of the weights is finite only if "
        "the scale of q is above the square root of 1/2. If q is far wider than p, the order is "
        "reversed: the claim is about proposals that miss p.",
        table="scales",
        x="scale",
        y=("w", "log w"),
        x_label="scale of q",
        y_label="variance / mean²",
        log_y=True,
    ),
)


class WeightsOptions(StudyOptions):
    """q = N(mean, scale^2), and the number of weights drawn from it: ``n_drawn`` for the figure."""

    mean: float = 2.0
    scale: PositiveFloat = 1.1
    n_samples: Count = 1000
    n_repeats: Count = 1000
    n_drawn: Count = 20_000

    @property
    def q(self) -> tuple[float, float]:
        """Mean and scale of q."""
        return self.mean, self.scale

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_samples * self.n_repeats, self.n_drawn)


class OneGaussian:
    """p(x, z) = N(z; 0, 1) for any x, and q(z given x) = N(mean, scale^2)."""

    def __init__(self, mean: float, scale: float) -> None:
        self.mean, self.scale = mean, scale

    def prior(self) -> Distribution:
        """Return N(0, 1): batch (), event (1,)."""
        zero = torch.zeros(1, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def observation_model(self, z: Tensor) -> Distribution:
        """Return a distribution with log p(x given z) = 0 at x = 0; it ignores z."""
        scale = torch.full_like(z, 1 / math.sqrt(2 * math.pi))
        return Independent(Normal(torch.zeros_like(z), scale), 1)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q: batch (B,), event (1,)."""
        loc = torch.full((len(x), 1), self.mean, dtype=torch.float64)
        return Independent(Normal(loc, torch.full_like(loc, self.scale)), 1)


def moment(n: int, mean: float, scale: float) -> float:
    """Return E_q[w^n] for w = N(z; 0, 1) / N(z; mean, scale^2), or infinity.

    The integrand p^n q^(1 - n) is a Gaussian with the precision a = n - (n - 1) / scale^2. If a is
    not positive, the integral diverges; for n = 2 that means scale^2 <= 1/2.

    Example:
        >>> moment(1, 2.0, 1.1)
        1.0
    """
    v = scale**2
    a, b = n - (n - 1) / v, (n - 1) * mean / v
    if a <= 0:
        return math.inf
    return scale ** (n - 1) / math.sqrt(a) * math.exp(b**2 / (2 * a) + (n - 1) * mean**2 / (2 * v))


def log_moments(mean: float, scale: float) -> tuple[float, float, float]:
    """Return the mean, variance and fourth central moment of log w under q.

    With z = mean + scale e, e ~ N(0, 1), log w minus its mean is -a e + c (e^2 - 1) for a = mean
    scale and c = (1 - scale^2) / 2.
    """
    a, c = mean * scale, (1 - scale**2) / 2
    fourth = 3 * a**4 + 60 * (a * c) ** 2 + 60 * c**4
    return math.log(scale) - mean**2 / 2 + c, a**2 + 2 * c**2, fourth


def relative_variances(mean: float, scale: float) -> tuple[float, float]:
    """Return the variance over the squared mean, for the weights and the log weights."""
    expected, variance, _ = log_moments(mean, scale)
    return moment(2, mean, scale) - 1, variance / expected**2


@study("weights", title="Weights and log weights", options=WeightsOptions)
def weights(options: WeightsOptions, setting: Setting) -> Findings:
    """The weights of q = N(2, 1.1²) for p(x, z) = N(z; 0, 1), and their logarithms."""
    checks = (*_by_quadrature(options), *_by_draws(options, setting))
    tables = {
        "relative_variance": _table(options),
        "densities": _densities(options, setting),
        "scales": _by_scale(options.mean),
    }
    return Findings(tables, checks, PLOTS)


def _table(options: WeightsOptions) -> pd.DataFrame:
    expected, variance, _ = log_moments(*options.q)
    of_weights, of_logs = relative_variances(*options.q)
    rows = [
        ("w", 1.0, moment(2, *options.q) - 1, of_weights),
        ("log w", expected, variance, of_logs),
    ]
    return pd.DataFrame(rows, columns=["of", "mean", "variance", "relative_variance"])


def _by_quadrature(options: WeightsOptions) -> Iterator[StudyCheck]:
    """Integrate genbench's own log weights over z and compare with the closed forms."""
    from scipy.integrate import quad
    from scipy.stats import norm  # slow to import

    model, x = OneGaussian(*options.q), torch.zeros(1, 1, dtype=torch.float64)
    q, density = model.posterior(x), norm(*options.q)

    def log_w(z: float) -> float:
        return float(log_weights(model, x, torch.tensor([[[z]]], dtype=torch.float64), q))

    expected, variance, _ = log_moments(*options.q)
    integrands: dict[str, tuple[float, Callable[[float], float]]] = {
        "E[w]": (1.0, lambda z: math.exp(log_w(z)) * density.pdf(z)),
        "E[w²]": (moment(2, *options.q), lambda z: math.exp(2 * log_w(z)) * density.pdf(z)),
        "E[log w]": (expected, lambda z: log_w(z) * density.pdf(z)),
        "Var[log w]": (variance, lambda z: (log_w(z) - expected) ** 2 * density.pdf(z)),
    }
    note = "The closed form against the integral over genbench's log weights."
    for name, (exact, integrand) in integrands.items():
        marks = [-options.mean, options.mean]
        integral, _ = quad(integrand, -25.0, 25.0, points=marks, limit=200)
        yield equal(f"{name} under q", exact, integral, 1e-7, note)


def drawn_moments(options: WeightsOptions, stream: Stream) -> dict[str, float]:
    """Return the mean and second moment of drawn weights, and the variance of their logarithms.

    They follow from genbench's statistics of ``n_repeats`` sets of ``n_samples`` weights each:
    (sum w)^2 / ESS is the sum of w^2.
    """
    model, k = OneGaussian(*options.q), options.n_samples
    x = torch.zeros(options.n_repeats, 1, dtype=torch.float64)
    drawn = importance_weights(model, x, k, None, stream)
    mean, of_log = drawn.log_mean().exp(), drawn.variance_of_mean_log()
    assert of_log is not None
    second = k * mean**2 / drawn.ess()
    return {"w": float(mean.mean()), "w²": float(second.mean()), "log w": k * float(of_log.mean())}


def _by_draws(options: WeightsOptions, setting: Setting) -> Iterator[StudyCheck]:
    """Compare estimates from draws with the closed forms."""
    drawn = drawn_moments(options, setting.stream.child("draws"))
    second, fourth = (moment(k, *options.q) for k in (2, 4))
    _, variance, fourth_of_log = log_moments(*options.q)
    n = options.n_samples * options.n_repeats
    note = "Tolerance: 4 standard errors, from the exact moments."
    for name, exact, value, of_one in (
        ("mean of drawn weights", 1.0, drawn["w"], second - 1),
        ("mean of squared drawn weights", second, drawn["w²"], fourth - second**2),
        ("variance of drawn log weights", variance, drawn["log w"], fourth_of_log - variance**2),
    ):
        yield equal(name, exact, value, 4 * math.sqrt(of_one / n), note)
    of_weights, of_logs = relative_variances(*options.q)
    name = "relative variance of the log weights over that of the weights"
    yield at_most(name, 0.1, of_logs / of_weights, note="The claim of the lecture: much lower.")


def _densities(options: WeightsOptions, setting: Setting, n_bins: int = 60) -> pd.DataFrame:
    """Return histograms of drawn weights and log weights, as densities."""
    model, x = OneGaussian(*options.q), torch.zeros(1, 1, dtype=torch.float64)
    q = model.posterior(x)
    with setting.stream.child("histogram").seeded():
        log_w = log_weights(model, x, draw(q, options.n_drawn), q)[:, 0].numpy()
    frames = []
    for name, values in (("w", np.exp(log_w)), ("log w", log_w)):
        top = np.quantile(values, 0.999)
        density, edges = np.histogram(values, n_bins, (values.min(), top), density=True)
        middle = (edges[1:] + edges[:-1]) / 2
        frames.append(pd.DataFrame({"of": name, "value": middle, "density": density}))
    return pd.concat(frames, ignore_index=True)


def _by_scale(mean: float) -> pd.DataFrame:
    """Return both relative variances against the scale of q, above the limit sqrt(1/2)."""
    rows = []
    for scale in np.linspace(0.8, 3.0, 56):
        of_weights, of_logs = relative_variances(mean, float(scale))
        rows.append({"scale": scale, "w": of_weights, "log w": of_logs})
    return pd.DataFrame(rows)
