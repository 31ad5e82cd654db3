"""Minibatch gradients, every one of them: their mean and their spread."""

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from genbench.core.objective import Batch
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.objectives.enumerated import NegativeEnumeratedElbo
from genbench.studies.small_models import built, digits
from genbench.studies.study import Check, Findings, Setting, study

Array = npt.NDArray[np.float64]


class Size(Options):
    """``n_data`` data have 2^n_data - 1 minibatches."""

    n_data: int = Field(8, ge=2, le=12)


class Gradients:
    """Gradients of the negative ELBO of a data set, estimated from some of its data."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        self.model, self.x = model, x
        self.objective = NegativeEnumeratedElbo()
        self.parameters = list(model.parameters())

    def estimate(self, indices: tuple[int, ...]) -> Array:
        """Return N/B times the gradient summed over a minibatch, for all parameters in a row."""
        x = self.x[list(indices)]
        mean = self.objective(self.model, Batch(x, torch.zeros(len(x)))).value
        gradients = torch.autograd.grad(mean * len(self.x), self.parameters)
        return torch.cat([g.flatten() for g in gradients]).numpy()

    def of_every_minibatch(self, batch_size: int) -> Array:
        """Return the estimates of all C(N, B) minibatches, one per row."""
        every = combinations(range(len(self.x)), batch_size)
        return np.stack([self.estimate(indices) for indices in every])


@study("minibatch_gradients", title="Minibatch gradients are unbiased", options=Size)
def minibatch_gradients(options: Size, setting: Setting) -> Findings:
    """All minibatches of a small data set: the mean gradient is that of the whole set.

    The model is a VAE with one categorical latent, whose ELBO is summed and not sampled: nothing
    but the choice of data is random.
    """
    data = digits(setting)
    chosen = {"hidden": [16], "n_categories": 5, "observation": "unit_gaussian"}
    model = built("discrete_vae", chosen, data, setting.stream.child("model")).double()
    x = data.held_out("train").x[: options.n_data].double()
    table = spread_by_batch_size(Gradients(model, x))
    return Findings({"batch_sizes": table}, _checks(table, options.n_data), _plots())


def spread_by_batch_size(gradients: Gradients) -> pd.DataFrame:
    """Return error of the mean and spread over minibatches, relative to the whole gradient.

    Drawn without replacement, B of N data have the variance N^2 / B (1 - B/N) S^2, where S^2 is the
    variance of single gradients (divisor N - 1), summed over parameters.
    """
    n = len(gradients.x)
    single = gradients.of_every_minibatch(1) / n
    whole = single.sum(axis=0)
    s2 = float(single.var(axis=0, ddof=1).sum())
    rows = []
    for size in range(1, n + 1):
        found = gradients.of_every_minibatch(size)
        bias = np.linalg.norm(found.mean(axis=0) - whole) / np.linalg.norm(whole)
        spread = math.sqrt(found.var(axis=0).sum()) / np.linalg.norm(whole)
        formula = math.sqrt(n**2 / size * (1 - size / n) * s2) / np.linalg.norm(whole)
        row = {"batch_size": size, "n_minibatches": len(found), "relative_bias": bias}
        rows.append(row | {"enumerated": spread, "formula": formula})
    return pd.DataFrame(rows)


def _checks(table: pd.DataFrame, n: int) -> tuple[Check, ...]:
    total = int(table.n_minibatches.sum())
    note = "Relative to the norm of the whole gradient; rounding only."
    error = (table.enumerated - table.formula).abs().max()
    return (
        Check(
            f"bias of the gradient over all {total} minibatches of {n} data, worst batch size",
            0.0,
            float(table.relative_bias.max()),
            1e-12,
            note=note,
        ),
        Check(
            "spread over minibatches less N²/B (1 - B/N) S², worst batch size",
            0.0,
            float(error),
            1e-7,  # a root of a variance that is zero when B = N
            note="Sampling without replacement; the spread is that of a root, relative as above.",
        ),
    )


def _plots() -> tuple[Plot, ...]:
    return (
        Plot(
            name="spread",
            title="Spread of the minibatch gradient against the batch size",
            caption="Standard deviation over every minibatch of the data set, relative to the "
            "norm of the whole gradient. The mean over minibatches is the whole gradient.",
            table="batch_sizes",
            x="batch_size",
            y=("enumerated", "formula"),
            x_label="batch size B",
            y_label="relative standard deviation",
        ),
    )
