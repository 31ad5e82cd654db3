"""The noise of ELBO gradients, by score function and by reparameterisation."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from genbench.core.objective import Batch
from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.inference.bounds import elbo_terms
from genbench.objectives.elbo import ElboGradient, NegativeElbo
from genbench.recipes.options import Layers
from genbench.studies.gradient_draws import gradient_draws
from genbench.studies.gradient_exact import ESTIMATORS, compared
from genbench.studies.small_models import EpochWatch, built, digits, trained
from genbench.studies.study import (
    N_PIXELS,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    equal,
    n_weights,
    study,
)
from genbench.training.config import TrainConfig

Epoch = Annotated[int, Field(ge=0, le=10**6)]
GRADIENT_PARTS = ("encoder", "posterior_head", "decoder")
BAND = 4.0
"""Two means agree within this many standard errors."""
_by_epoch = partial(
    Plot, table="digits", x="epoch", hue="estimator", panel="part", log_y=True,
    x_label="epochs of training",
)  # fmt: skip
PLOTS = (
    _by_epoch(
        name="variance",
        title="Variance of the ELBO's gradient",
        caption="Summed over the parameters of each part of the model, at the same parameters and "
        "for the same batch. The decoder's gradient is the same for all; only q's differs.",
        y=("variance",),
        y_label="total variance",
    ),
    _by_epoch(
        name="signal_to_noise",
        title="Signal against noise",
        caption="Norm of the mean gradient over the square root of the total variance: at 1 the "
        "noise of one step is as large as its signal.",
        y=("signal_to_noise",),
        y_label="signal to noise",
    ),
    Plot(
        name="learning",
        title="What the noise costs",
        caption="The same initial VAE, trained with each estimator at the same learning rate: "
        "mean ELBO of held-out digits.",
        table="learning",
        x="epoch",
        y=("elbo",),
        hue="estimator",
        x_label="epochs of training",
        y_label="ELBO, nats",
    ),
)


class GradientOptions(StudyOptions):
    """When gradients of one batch are drawn during training (in epochs), and how many.

    The same VAE is trained for ``n_epochs`` with each estimator; its ELBO on held-out data uses
    ``n_validation`` draws per datum.
    """

    epochs: tuple[Epoch, ...] = Field((0, 1, 5, 20), min_length=1)
    n_draws: Count = 1000
    n_data: Count = 64
    n_exact: Count = 2000
    n_epochs: Count = 30
    n_validation: Count = 10
    hidden: Layers = (64,)
    latent_dim: Count = 8

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_draws, self.n_exact) * n_weights(N_PIXELS, *self.hidden, self.latent_dim)


def drawn_parts(
    model: nn.Module, gradient: ElboGradient, batch: Batch, n: int, stream: Stream
) -> dict[str, Tensor]:
    """Return n gradients of the loss for each part of the model, (n, its size) in float64."""
    draws = gradient_draws(model, NegativeElbo(gradient=gradient), batch, n, stream)
    return {
        part: torch.cat([g for name, g in draws.items() if name.startswith(part)], dim=1).double()
        for part in GRADIENT_PARTS
    }


def gradient_moments(
    model: nn.Module, batch: Batch, options: GradientOptions, stream: Stream
) -> pd.DataFrame:
    """Return variance and signal of every estimator for every part, at the model's parameters.

    Columns: ``variance`` is summed over the part's parameters; ``signal`` is the norm of the mean
    gradient, the same for all, from the reparameterised draws and corrected for their noise;
    ``signal_to_noise`` is signal / sqrt(variance); ``off`` is the distance of the mean from the
    reparameterised one, in standard errors, along the mean of other draws.
    """
    n = options.n_draws
    gradients = {
        name: drawn_parts(model, gradient, batch, n, stream.child(name))
        for name, gradient in ESTIMATORS.items()
    }
    other = drawn_parts(model, "reparameterised", batch, n, stream.child("direction"))
    return pd.DataFrame(
        {"part": part.replace("_", " "), "estimator": name}
        | _moments(gradients[name][part], gradients["reparameterised"][part], other[part].mean(0))
        for part in GRADIENT_PARTS
        for name in ESTIMATORS
    )


def _moments(draws: Tensor, plain: Tensor, direction: Tensor) -> dict[str, float]:
    squared = plain.mean(0).square().sum() - plain.var(0).sum() / len(plain)
    signal, variance = float(squared.clamp(min=0).sqrt()), float(draws.var(0).sum())
    return {
        "variance": variance,
        "signal": signal,
        "signal_to_noise": signal / math.sqrt(variance),
        "off": _off(draws @ direction, plain @ direction),
    }


def _off(a: Tensor, b: Tensor) -> float:
    """Return the difference of two means in standard errors."""
    error = math.sqrt(float(a.var() / len(a) + b.var() / len(b)))
    return float(a.mean() - b.mean()) / error


def along_training(options: GradientOptions, setting: Setting) -> pd.DataFrame:
    """Train one small VAE by reparameterisation and measure after the chosen epochs."""
    data = digits(setting, binarisation="static")
    x, y = data.held_out("train")
    batch = Batch(x[: options.n_data], y[: options.n_data])
    stream, tables = setting.stream.child("digits"), []

    def watch(epoch: int, model: Any) -> None:
        if epoch in options.epochs:
            measured = gradient_moments(model, batch, options, stream.child("draws", epoch))
            tables.append(measured.assign(epoch=epoch))

    watch(0, built("vae", _chosen(options), data, stream))
    if last := max(options.epochs):
        trained("vae", _chosen(options), data, _budget(last), stream, watch)
    return pd.concat(tables, ignore_index=True)


def learning(options: GradientOptions, setting: Setting) -> pd.DataFrame:
    """Train the same initial VAE with each estimator; return held-out ELBOs by epoch."""
    data = digits(setting, binarisation="static")
    x = data.held_out("validation").x
    stream = setting.stream.child("digits")
    rows: list[tuple[str, int, float]] = []

    def follow(name: str) -> EpochWatch:
        @torch.no_grad()
        def watch(epoch: int, model: Any) -> None:
            with stream.child("validation").seeded():
                elbo = elbo_terms(model, x, options.n_validation).elbo.mean()
            rows.append((name, epoch, float(elbo)))

        return watch

    for name, gradient in ESTIMATORS.items():
        chosen = _chosen(options) | {"gradient": gradient}
        trained("vae", chosen, data, _budget(options.n_epochs), stream, follow(name))
    return pd.DataFrame(rows, columns=["estimator", "epoch", "elbo"])


def _chosen(options: GradientOptions) -> dict[str, Any]:
    return {"hidden": options.hidden, "latent_dim": options.latent_dim, "activation": "elu"}


def _budget(n_epochs: int) -> TrainConfig:
    return TrainConfig(epochs=n_epochs, batch_size=64, learning_rate=3e-3)


def _checks(table: pd.DataFrame, exact: pd.DataFrame) -> Iterator[StudyCheck]:
    behind = table[table["part"] != "decoder"].pivot_table(
        index=["epoch", "part"], columns="estimator", values="variance"
    )
    plain, baseline, path = (behind[name] for name in ESTIMATORS)
    note = "in standard errors, over parts and epochs, along one direction each"
    for estimator, rows in table.groupby("estimator")["off"]:
        if estimator != "reparameterised":
            name = f"{estimator}: largest difference from the mean gradient"
            yield equal(name, 0.0, rows.abs().max(), BAND, note)
    note = "in standard errors, over estimators and parameters; exact by quadrature"
    for moment in ("mean", "variance"):
        name = f"one dimension: largest difference from the exact {moment}"
        yield equal(name, 0.0, exact[f"{moment}_off"].abs().max(), BAND, note)
    note = "encoder and its head, all epochs"
    name = "smallest ratio of variances, score function without baseline over with baseline"
    yield at_least(name, 1.0, (plain / baseline).min(), note=note)
    name = "smallest ratio of variances, score function with baseline over reparameterised"
    yield at_least(name, 1.0, (baseline / path).min(), note=note)


@study("gradient_variance", title="Two gradients of the ELBO", options=GradientOptions)
def gradient_variance(options: GradientOptions, setting: Setting) -> Findings:
    """Variance of the ELBO's gradient by score function and by reparameterisation, at equal means.

    One draw per datum; the KL is in closed form if draws are reparameterised. The baseline is the
    mean of log w over the other data of the batch. For one Gaussian latent the estimators are
    compared with their exact mean and variance.
    """
    table = along_training(options, setting)
    exact = compared(options.n_exact, setting.stream.child("exact"))
    tables = {"digits": table, "exact": exact, "learning": learning(options, setting)}
    return Findings(tables, tuple(_checks(table, exact)), PLOTS)
