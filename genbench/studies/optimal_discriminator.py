"""A discriminator trained on two known densities, compared with the optimal one."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import PositiveFloat
from scipy.special import expit
from torch import Tensor, nn

from genbench.core.objective import Batch
from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.nets.mlp import layers
from genbench.objectives.adversarial import NsGanDiscriminator
from genbench.recipes.options import Layers
from genbench.studies.study import (
    Array,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_most,
    equal,
    n_weights,
    study,
)
from genbench.training.schedule import learning_rate_factor

EDGE = 10.0
"""The mass of both densities outside [-EDGE, EDGE] is below rounding."""

MASS = 0.99
VALUE_TOLERANCE = 0.02
GRID = np.linspace(-EDGE, EDGE, 8001)
STEP = GRID[1] - GRID[0]
_by_case = partial(Plot, table="curves", x="x", panel="case", x_label="x")
PLOTS = (
    _by_case(
        name="discriminators",
        title="The trained discriminator and the optimal one",
        caption="D* = p_data / (p_data + p_G). Where neither density has mass, nothing is learned "
        "and D is arbitrary.",
        y=("trained D", "optimal D*"),
        y_label="D(x)",
    ),
    _by_case(
        name="densities",
        title="The two densities",
        y=("p_data", "p_G"),
        y_label="density",
    ),
)


class DiscriminatorOptions(StudyOptions):
    """The discriminator's dense layers, and its training: steps of Adam on fresh draws."""

    hidden: Layers = (64, 64)
    n_steps: Count = 3000
    batch_size: Count = 1000
    learning_rate: PositiveFloat = 5e-3

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(n_weights(1, *self.hidden, 1), self.batch_size * max(self.hidden, default=1))


class Density:
    """A mixture of Gaussians on the line: components (weight, mean, scale)."""

    def __init__(self, *components: tuple[float, float, float]) -> None:
        self.weights, self.means, self.scales = np.array(components).T

    def log(self, x: Array | float) -> Array:
        """Return log p(x)."""
        deviations = (np.asarray(x)[..., None] - self.means) / self.scales
        each = -0.5 * deviations**2 - np.log(self.scales * math.sqrt(2 * math.pi))
        return np.asarray(np.logaddexp.reduce(each + np.log(self.weights), axis=-1))

    def sampler(self, device: torch.device) -> Callable[[int], Tensor]:
        """Return a function of n that draws (n, 1) from torch's global generator."""
        weights, means, scales = (
            torch.tensor(v, dtype=torch.float32, device=device)
            for v in (self.weights, self.means, self.scales)
        )

        def draw(n: int) -> Tensor:
            which = torch.multinomial(weights, n, replacement=True)
            return (means[which] + scales[which] * torch.randn(n, device=device)).unsqueeze(1)

        return draw


DATA = Density((0.4, -2.0, 0.5), (0.6, 1.5, 0.8))
CASES = {"p_G = N(0, 1.5²)": Density((1.0, 0.0, 1.5)), "p_G = p_data": DATA}


class Game(nn.Module):
    """A fixed generator and a discriminator of real numbers."""

    def __init__(self, generator: Density, hidden: tuple[int, ...], device: torch.device) -> None:
        super().__init__()
        self.draw, self.device = generator.sampler(device), device
        self.body = nn.Sequential(layers((1, *hidden), "tanh"), nn.Linear(hidden[-1], 1))
        self.to(device)

    def sample(self, n: int) -> Tensor:
        """Return n draws of the generator, (n, 1)."""
        return self.draw(n)

    def critic(self, x: Tensor) -> Tensor:
        """Return logits (B,) that x is real."""
        logits: Tensor = self.body(x).squeeze(-1)
        return logits

    @torch.no_grad()
    def logits(self, x: Array) -> Array:
        """Return the logits of an array (N,)."""
        inputs = torch.tensor(x, dtype=torch.float32, device=self.device).unsqueeze(1)
        return self.critic(inputs).double().cpu().numpy()


def train(
    generator: Density, options: DiscriminatorOptions, stream: Stream, device: torch.device
) -> Game:
    """Train the discriminator on fresh draws from the data density and a generator's."""
    with stream.seeded():
        game, draw_data = Game(generator, options.hidden, device), DATA.sampler(device)
        objective = NsGanDiscriminator()
        optimizer = torch.optim.Adam(game.parameters(), options.learning_rate)
        for step in range(options.n_steps):
            share = learning_rate_factor("cosine", step / options.n_steps)
            optimizer.param_groups[0]["lr"] = options.learning_rate * share
            x = draw_data(options.batch_size)
            loss = objective(game, Batch(x, torch.zeros(len(x), device=device))).value
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return game


def value_of(logits: Array, generator: Density) -> float:
    """Return V(D) = E_data[log D] + E_G[log(1 - D)] by the trapezoidal rule on the grid."""
    from scipy.integrate import trapezoid  # slow to import

    p, g = np.exp(DATA.log(GRID)), np.exp(generator.log(GRID))
    parts = -p * np.logaddexp(0, -logits) - g * np.logaddexp(0, logits)
    return float(trapezoid(parts, dx=STEP))


def jensen_shannon(p: Density, g: Density) -> float:
    """Return (KL(p || m) + KL(g || m)) / 2 with m = (p + g) / 2, in nats, by adaptive quadrature.

    References:
        Goodfellow et al. 2014, theorem 1.
    """
    from scipy.integrate import quad  # slow to import

    def half(a: Density) -> Callable[[float], float]:
        def at(x: float) -> float:
            log_m = np.logaddexp(p.log(x), g.log(x)) - math.log(2)
            return float(np.exp(a.log(x)) * (a.log(x) - log_m))

        return at

    marks = np.linspace(-6, 6, 25)
    halves = [quad(half(a), -EDGE, EDGE, points=marks, limit=200)[0] for a in (p, g)]
    return float(sum(halves) / 2)


def where_data_are() -> npt.NDArray[np.bool_]:
    """Return which points of the grid form the smallest set with 99 % of the data."""
    p = np.exp(DATA.log(GRID))
    order = np.argsort(-p)
    inside = np.zeros(len(GRID), dtype=bool)
    inside[order[: 1 + np.searchsorted(np.cumsum(p[order]) * STEP, MASS)]] = True
    return inside


def compare_with_optimum(
    case: str, generator: Density, game: Game
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the curves of D and D*, and the numbers that compare them."""
    logits, best = game.logits(GRID), DATA.log(GRID) - generator.log(GRID)
    error, inside, p = abs(expit(logits) - expit(best)), where_data_are(), np.exp(DATA.log(GRID))
    jsd = jensen_shannon(DATA, generator)
    row = {
        "case": case,
        "max_error": error[inside].max(),
        "mean_error": float((p * error)[inside].sum() / p[inside].sum()),
        "value": value_of(logits, generator),
        "value_of_optimum": value_of(best, generator),
        "jsd": jsd,
        "limit": 2 * jsd - math.log(4),
    }
    curves = {"x": GRID, "trained D": expit(logits), "optimal D*": expit(best)}
    curves |= {"p_data": p, "p_G": np.exp(generator.log(GRID)), "where_data_are": inside}
    shown = pd.DataFrame({"case": case} | curves)[::20]
    return shown[shown["x"].abs() <= 5], row


def _checks(row: dict[str, Any]) -> Iterator[StudyCheck]:
    case, limit = row["case"], row["limit"]
    where = "where data are: the smallest set with 99 % of their mass"
    yield equal(f"{case}: largest |D - D*|", 0.0, row["max_error"], VALUE_TOLERANCE, where)
    yield equal(f"{case}: mean |D - D*|", 0.0, row["mean_error"], VALUE_TOLERANCE, where)
    yield equal(f"{case}: value of D is -log 4 + 2 JSD", limit, row["value"], VALUE_TOLERANCE)
    yield at_most(f"{case}: value of D, at most that of D*", limit, row["value"], 1e-8)
    note = "exact; the tolerance is that of two quadratures"
    yield equal(
        f"{case}: value of D* is -log 4 + 2 JSD", limit, row["value_of_optimum"], 1e-8, note
    )


@study("optimal_discriminator", title="The optimal discriminator", options=DiscriminatorOptions)
def optimal_discriminator(options: DiscriminatorOptions, setting: Setting) -> Findings:
    """A discriminator trained on two known densities reaches D* and the value -log 4 + 2 JSD.

    References:
        Goodfellow et al. 2014, proposition 1 and theorem 1.
    """
    curves, rows = [], []
    for case, generator in CASES.items():
        game = train(generator, options, setting.stream.child(case), setting.device)
        curve, row = compare_with_optimum(case, generator, game)
        curves.append(curve)
        rows.append(row)
    checks = [check for row in rows for check in _checks(row)]
    name, undecided = "p_G = p_data: value is -log 4", rows[-1]["value"]
    checks.append(equal(name, -math.log(4), undecided, VALUE_TOLERANCE))
    tables = {"curves": pd.concat(curves, ignore_index=True), "values": pd.DataFrame(rows)}
    return Findings(tables, tuple(checks), PLOTS)
