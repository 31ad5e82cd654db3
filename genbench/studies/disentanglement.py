"""What a larger KL weight does to the code: total correlation and recovered factors."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.protocol import SPLITS
from genbench.data import DataConfig, Dataset
from genbench.data.shapes import FACTORS, factors, factors_of
from genbench.evaluation.decomposition import PARTS
from genbench.evaluation.user import evaluate
from genbench.recipes.options import Layers
from genbench.studies.small_models import trained
from genbench.studies.study import (
    N_PIXELS,
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
from genbench.training.config import TrainConfig

Labels = npt.NDArray[np.int64]

N_STEPS = 7
REACH = 2.0
"""Range of traversals, in standard deviations of the prior."""

BETA = "beta, the weight of the KL in training"
PLOTS = (
    Plot(
        name="parts",
        title="Parts of the KL against beta",
        caption="Mean over all images; the three parts sum to the KL. The information about the "
        "image cannot exceed log 576 = 6.4 nats.",
        table="means",
        x="beta",
        y=PARTS,
        x_label=BETA,
        y_label="nats",
        log_x=True,
    ),
    Plot(
        name="gap",
        title="Mutual information gap against beta",
        caption="One point per trained model: 1 if each factor has its own coordinate, 0 if the "
        "best coordinate is no better than the second best. Independent coordinates need not be "
        "the right ones: the prior is the same in all directions, so column and row can be "
        "rotated into each other at no cost.",
        kind="points",
        table="runs",
        x="beta",
        y=("mig",),
        hue="seed",
        x_label=BETA,
        y_label="mutual information gap",
        log_x=True,
    ),
)


class DisentanglementOptions(StudyOptions):
    """KL weights, networks, training, and bins for mutual information."""

    betas: tuple[NonNegativeFloat, ...] = Field((0.5, 1.0, 2.0, 4.0, 8.0), min_length=1)
    n_seeds: Annotated[int, Field(ge=1, le=1000)] = 2
    latent_dim: Count = 5
    hidden: Layers = (128, 128)
    n_bins: Count = 20
    train: TrainConfig = TrainConfig(epochs=200, batch_size=64, learning_rate=2e-3, select="last")

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_bins**2, n_weights(N_PIXELS, *self.hidden, self.latent_dim))


@study(
    "disentanglement",
    title="Total correlation and the factors of the data",
    options=DisentanglementOptions,
)
def disentanglement(options: DisentanglementOptions, setting: Setting) -> Findings:
    """Beta-VAEs on squares of known position and size: parts of the KL, mutual information gap."""
    data = setting.dataset(DataConfig(name="shapes", binarisation="threshold"))
    x = torch.cat([data.held_out(split).x for split in SPLITS])
    rows: list[dict[str, float]] = []
    models = {}
    for beta, seed in product(options.betas, range(options.n_seeds)):
        models[beta, seed] = model = _model(beta, seed, options, data, setting)
        rows.append({"beta": beta, "seed": seed} | code_measures(model, x, options, setting))
    runs = pd.DataFrame(rows)
    means = runs.drop(columns="seed").groupby("beta", as_index=False).mean()
    best = float(means.beta.to_numpy()[means.mig.to_numpy().argmax()])
    arrays = {"traversals": traversals(models[best, 0], x)}
    shown = Plot(
        name="traversals",
        title=f"One coordinate at a time, beta = {best:g}",
        caption="Each row varies one coordinate of the code from "
        f"{-REACH:g} to {REACH:g} with the others fixed, the most variable coordinates first. "
        f"The factors are {', '.join(FACTORS)}.",
        kind="images",
        array="traversals",
    )
    checks = (*_known_codes(options.n_bins), *_checks(runs, means, len(x)))
    return Findings({"means": means, "runs": runs}, checks, (*PLOTS, shown), arrays)


def _model(
    beta: float, seed: int, options: DisentanglementOptions, data: Dataset, setting: Setting
) -> Any:
    networks = {"beta": beta, "latent_dim": options.latent_dim, "hidden": options.hidden}
    stream = setting.stream.child("model", str(beta), seed)
    return trained("beta_vae", networks, data, options.train, stream)


@torch.no_grad()
def code_measures(
    model: Any, x: Tensor, options: DisentanglementOptions, setting: Setting
) -> dict[str, float]:
    """Return ELBO, KL and its parts in nats over all images, and the gap for the mean codes."""
    names = ("elbo", "kl", "kl_decomposition")
    frame = evaluate(model, x, evaluators=names, seed=setting.stream.seed)
    values = dict(zip(frame.metric, frame.value, strict=True))
    values = {name.removeprefix("kl_decomposition[").rstrip("]"): v for name, v in values.items()}
    codes = model.posterior(x).mean.double().cpu().numpy()
    gap = mutual_information_gap(codes, factors_of(x[:, 0].cpu().numpy()), options.n_bins)
    return {name: float(values[name]) for name in ("elbo", "kl", *PARTS)} | {"mig": gap}


def mutual_information_gap(codes: Array, known: Labels, n_bins: int) -> float:
    """Return how much more the best coordinate says about a factor than the second best, 0 to 1.

    Each coordinate of the mean code is split into bins of equal width over its range. The gap of a
    factor is the difference of the two largest mutual informations, divided by the factor's
    entropy; the mean over factors is returned. For few data both informations are too large by
    about (n_bins - 1)(n_values - 1) / 2N nats, which nearly cancels in the difference.

    Args:
        codes: Mean codes (N, D), D at least 2.
        known: Factors as indices (N, F).
        n_bins: Bins of a coordinate.

    References:
        Chen, Li, Grosse, Duvenaud 2018, equation 6; bins as in Locatello et al. 2019.
    """
    binned = np.stack([bin_indices(column, n_bins) for column in codes.T])  # (D, N)
    gaps = []
    for factor in known.T:
        informations = np.sort([information(column, factor) for column in binned])
        gaps.append((informations[-1] - informations[-2]) / information(factor, factor))
    return float(np.mean(gaps))


def bin_indices(column: Array, n_bins: int) -> Labels:
    """Return the bin of each number, (N,), for bins of equal width over their range."""
    edges = np.linspace(column.min(), column.max(), n_bins + 1)
    return np.digitize(column, edges[1:-1])


def information(a: Labels, b: Labels) -> float:
    """Return the mutual information of two columns of indices, by counting, in nats.

    Example:
        >>> round(information(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])), 4)
        0.6931
    """
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / product[seen])).sum())


@torch.no_grad()
def traversals(model: Any, x: Tensor) -> Array:
    """Return images (D, steps, H, W): each row varies one coordinate, the most variable first."""
    q = model.posterior(x)
    activity = q.mean.var(dim=0)
    code = q.mean[(q.mean - q.mean.mean(dim=0)).square().sum(dim=1).argmin()]
    rows = []
    for d in activity.argsort(descending=True).tolist():
        z = code.repeat(N_STEPS, 1)
        z[:, d] = torch.linspace(-REACH, REACH, N_STEPS)
        rows.append(model.decode(z)[:, 0])
    return torch.stack(rows).clamp(0, 1).double().cpu().numpy()


def _known_codes(n_bins: int) -> Iterator[StudyCheck]:
    """Check the gap for codes where it is known: the factors themselves, and mixtures."""
    known = factors()
    column, row = known[:, 0] / 11, known[:, 1] / 11
    own = known.astype(float)
    twice = np.concatenate([own, own], axis=1)
    rotated = np.stack([column + row, column - row], axis=1)
    for name, codes, n_factors, expected in (
        ("each coordinate is one factor", own, 3, 1.0),
        ("each factor appears in two", twice, 3, 0.0),
        ("rotated by 45 degrees", rotated, 2, 0.0),
    ):
        gap = mutual_information_gap(codes, known[:, :n_factors], n_bins)
        yield equal(f"mutual information gap: {name}", expected, gap, 1e-12)


def _checks(runs: pd.DataFrame, means: pd.DataFrame, n: int) -> Iterator[StudyCheck]:
    rest = runs[list(PARTS)].sum(axis=1) - runs.kl
    yield equal("largest |sum of the three parts - KL|, nats", 0.0, rest.abs().max(), 1e-4)
    name, note = "largest index-code information, at most log n, nats", "Estimated from draws of z."
    yield at_most(name, math.log(n), runs.index_code_mi.max(), 0.05, note)
    by_beta = means.sort_values("beta").total_correlation.to_numpy()
    name = "total correlation at the largest beta is at most that at the smallest, nats"
    yield at_most(name, by_beta[0], by_beta[-1])
