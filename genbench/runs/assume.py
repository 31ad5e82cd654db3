"""Gives a model without a likelihood an assumed one: a prior, and Gaussian noise.

The assumption is part of the run's identity and of its row's name. The trained base does not
change; the prior is fitted to training data, and the scale is chosen on validation data.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import nn

from genbench.core.errors import ConfigError
from genbench.core.options import Count, Options
from genbench.core.seeding import Stream, derive
from genbench.data import Dataset
from genbench.evaluation.annealing import ais_log_likelihood
from genbench.evaluation.runner import Task, evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.models.adapters import (
    WithFittedPrior,
    WithObservationNoise,
    with_observation_noise,
)

LARGEST_SCALE = 10**-0.3
SCALES = tuple(round(LARGEST_SCALE * 10 ** (-k / 10), 4) for k in range(14))
"""Candidates, ten per decade, from 0.5012 down to 0.0251."""


class Assume(Options):
    """``[model.assume]``: p(x given z) = N(decode(z), scale^2 I), and a prior if there is none.

    Attributes:
        prior: Fitted to the codes of the training data: one Gaussian with full covariance, or a
            mixture.
        n_components: Of the mixture.
        scale: Of the noise; ``validation`` takes the candidate with the largest annealed estimate
            on validation data, walking down from the largest until the estimate falls.
        n_data: The first so many validation data decide the scale.
        n_chains: Of annealed importance sampling for the scale.
        n_temperatures: Likewise.
        n_leapfrog: Likewise.
    """

    prior: Literal["gaussian", "mixture"] | None = None
    n_components: PositiveInt = 10
    scale: PositiveFloat | Literal["validation"] = "validation"
    n_data: PositiveInt = Field(50, le=1000)
    n_chains: Count = 2
    n_temperatures: Count = 100
    n_leapfrog: Count = 5


@dataclass(frozen=True)
class Fitted:
    """The adapted model, and what tables state about the fit."""

    model: WithObservationNoise
    summary: dict[str, Any]


def shell(base: nn.Module, assume: Assume, image_shape: tuple[int, int, int]) -> nn.Module:
    """Return the adapted model, unfitted, ready to load stored weights.

    Raises:
        ConfigError: The base does not support the assumption.
    """
    scale = assume.scale if isinstance(assume.scale, float) else 1.0
    try:
        inner = _with_prior(base, assume)
        return with_observation_noise(inner, scale, image_shape)
    except ValueError as error:
        hint = "" if assume.prior else '; an autoencoder needs prior = "gaussian" or "mixture"'
        raise ConfigError(f"assume: {error}{hint}") from error


def _with_prior(base: nn.Module, assume: Assume) -> nn.Module:
    return WithFittedPrior(base, assume.prior, assume.n_components) if assume.prior else base


@torch.no_grad()
def fit_assumption(base: nn.Module, assume: Assume, dataset: Dataset, stream: Stream) -> Fitted:
    """Fit the prior to training codes and choose the scale on validation data."""
    base.eval()
    inner = _with_prior(base, assume)
    if isinstance(inner, WithFittedPrior):
        codes = torch.cat([inner.encode(block) for block in dataset.blocks("train")])
        inner.fit(codes, seed=derive(stream.seed, *stream.path, "prior") % 2**32)
    if assume.scale != "validation":
        model = with_observation_noise(inner, assume.scale, dataset.image_shape)
        return Fitted(model, {"scale": assume.scale, "chosen_on": "stated"})
    scale, candidates = _choose_scale(inner, assume, dataset, stream)
    summary = {"scale": scale, "chosen_on": "validation", "candidates": candidates}
    return Fitted(with_observation_noise(inner, scale, dataset.image_shape), summary)


def scale_task(assume: Assume) -> Task:
    """Return the evaluation that chooses the scale."""
    options = assume.model_dump(include={"n_data", "n_chains", "n_temperatures", "n_leapfrog"})
    return make_task(ais_log_likelihood.__name__, options)


def _choose_scale(
    inner: nn.Module, assume: Assume, dataset: Dataset, stream: Stream
) -> tuple[float, dict[str, float]]:
    x = dataset.held_out("validation").x[: assume.n_data]
    task = scale_task(assume)
    best, highest, estimates = SCALES[0], -math.inf, dict[str, float]()
    for scale in SCALES:
        model = with_observation_noise(inner, scale, dataset.image_shape)
        context = Context(model, stream.child("scale"))
        row = evaluate_model(x, None, [task], context, f"scale {scale:g}")[0].rows[0]
        if row.value is None or not math.isfinite(row.value):
            raise ArithmeticError(f"scale {scale:g}: {row.status}: {row.reason}")
        estimates[f"{scale:g}"] = round(row.value, 3)
        if row.value < highest:
            break
        best, highest = scale, row.value
    return best, estimates
