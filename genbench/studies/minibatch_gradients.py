"""The gradients of all minibatches of a data set: their mean and their spread."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from genbench.core.objective import Batch
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.objectives.elbo import NegativeEnumeratedElbo
from genbench.studies.small_models import built, digits, flat_gradient
from genbench.studies.study import Array, Findings, Setting, StudyCheck, equal, study

PLOTS = (
    Plot(
        name="spread",
        title="Spread of the minibatch gradient against the batch size",
        caption="Standard deviation over all minibatches of the data set, relative to the norm of "
        "the full gradient. The mean over minibatches is the full gradient.",
        table="batch_sizes",
        x="batch_size",
        y=("enumerated", "formula"),
        x_label="batch size B",
        y_label="relative standard deviation",
    ),
)


class MinibatchOptions(Options):
    """The size of the data set, which has 2^n_data - 1 minibatches."""

    n_data: int = Field(8, ge=2, le=12)


class Gradients:
    """Gradients of the negative ELBO of a data set, estimated from minibatches."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        self.model, self.x = model, x
        self.objective = NegativeEnumeratedElbo()
        self.parameters = list(model.parameters())

    def estimate(self, indices: tuple[int, ...]) -> Array:
        """Return N/B times the gradient summed over a minibatch, all parameters in one vector."""
        x = self.x[list(indices)]
        mean = self.objective(self.model, Batch(x, torch.zeros(len(x)))).value
        return flat_gradient(mean * len(self.x), self.parameters).numpy()

    def of_every_minibatch(self, batch_size: int) -> Array:
        """Return the estimates of all C(N, B) minibatches, one per row."""
        minibatches = combinations(range(len(self.x)), batch_size)
        return np.stack([self.estimate(indices) for indices in minibatches])


@study("minibatch_gradients", title="Minibatch gradients are unbiased", options=MinibatchOptions)
def minibatch_gradients(options: MinibatchOptions, setting: Setting) -> Findings:
    """All minibatches of a small data set: their mean gradient is that of the whole set.

    The model is a VAE with one categorical latent; its ELBO is an exact sum, so only the choice of
    data is random.
    """
    data = digits(setting)
    chosen = {"hidden": [16], "n_categories": 5, "observation": "unit_gaussian"}
    model = built("discrete_vae", chosen, data, setting.stream.child("model")).double()
    x = data.held_out("train").x[: options.n_data].double()
    table = spread_by_batch_size(Gradients(model, x))
    return Findings({"batch_sizes": table}, tuple(_checks(table)), PLOTS)


def spread_by_batch_size(gradients: Gradients) -> pd.DataFrame:
    """Return error of the mean and spread over minibatches, relative to the full gradient.

    Drawn without replacement, B of N data have the variance N^2 / B (1 - B/N) S^2, where S^2 is the
    variance of single gradients (divisor N - 1), summed over parameters.
    """
    n = len(gradients.x)
    single = gradients.of_every_minibatch(1) / n
    whole = single.sum(axis=0)
    norm = np.linalg.norm(whole)
    s2 = float(single.var(axis=0, ddof=1).sum())
    rows = []
    for size in range(1, n + 1):
        estimates = gradients.of_every_minibatch(size)
        rows.append(
            {
                "batch_size": size,
                "n_minibatches": len(estimates),
                "relative_bias": np.linalg.norm(estimates.mean(axis=0) - whole) / norm,
                "enumerated": math.sqrt(estimates.var(axis=0).sum()) / norm,
                "formula": math.sqrt(n**2 / size * (1 - size / n) * s2) / norm,
            }
        )
    return pd.DataFrame(rows)


def _checks(table: pd.DataFrame) -> Iterator[StudyCheck]:
    total, n = table.n_minibatches.sum(), table.batch_size.max()
    name = f"bias of the gradient over all {total} minibatches of {n} data, worst batch size"
    note = "Relative to the norm of the full gradient; rounding only."
    yield equal(name, 0.0, table.relative_bias.max(), 1e-12, note)
    name = "spread over minibatches minus N²/B (1 - B/N) S², worst batch size"
    note = "Sampling without replacement; difference of standard deviations, relative as above."
    error = (table.enumerated - table.formula).abs().max()
    yield equal(name, 0.0, error, 1e-7, note)  # the root of a variance that is 0 if B = N
