"""A VAE trained without its KL term: scales shrink, means spread, and new codes decode badly."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.data import Dataset
from genbench.evaluation.user import evaluate
from genbench.inference.bounds import kl_terms, posterior_of, prior_of
from genbench.recipes.options import Layers
from genbench.studies.small_models import digits, trained
from genbench.studies.study import (
    N_PIXELS,
    Array,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    at_most,
    n_weights,
    study,
)
from genbench.training.config import TrainConfig

WEIGHTS = (0.0, 1.0)
N_SHOWN = 10
_over_epochs = partial(Plot, table="epochs", x="epoch", hue="lambda", log_y=True)
PLOTS = (
    _over_epochs(
        name="scales",
        title="Posterior scale over training",
        caption="Mean over data and dimensions of the scale of q(z|x). Noise in the code only "
        "harms the reconstruction: without the KL term, training removes it.",
        y=("scale",),
        y_label="scale of q(z|x)",
    ),
    _over_epochs(
        name="apart",
        title="Distance between codes",
        caption="Distance of a posterior mean to its nearest neighbour, in posterior scales; "
        "median over training data. At lambda = 0 each image has its own region, and codes "
        "between regions are never decoded in training.",
        y=("apart",),
        y_label="distance / scale",
    ),
    Plot(
        name="samples",
        title="Samples from the prior: lambda = 0 above, lambda = 1 below",
        caption="The same draws from N(0, I), decoded.",
        kind="images",
        array="samples",
    ),
    Plot(
        name="unseen",
        title="Unseen digits and their reconstructions at lambda = 0 and lambda = 1",
        caption="First row: test images. Below: decoded posterior means.",
        kind="images",
        array="unseen",
    ),
)


class CollapseOptions(StudyOptions):
    """Two identical VAEs on few binary digits, with KL weights 0 and 1."""

    n_data: Count = 300
    latent_dim: Count = 8
    hidden: Layers = (128, 128)
    n_samples: Count = 500
    train: TrainConfig = TrainConfig(epochs=150, batch_size=50, learning_rate=2e-3)

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(
            self.n_samples * self.n_data * self.latent_dim,
            n_weights(N_PIXELS, *self.hidden, self.latent_dim),
        )


@study("collapse", title="What happens to a VAE without its KL term", options=CollapseOptions)
def collapse(options: CollapseOptions, setting: Setting) -> Findings:
    """Posterior scales and means during training at lambda = 0 and 1, and how new codes decode."""
    data = digits(setting, binarisation="static", limit=options.n_data)
    epochs: list[dict[str, float]] = []
    rows, samples, unseen = [], [], [data.held_out("test").x[:N_SHOWN].squeeze(1)]
    for weight in WEIGHTS:
        model = _train(weight, data, options, setting, epochs)
        drawn, means = _samples(model, options.n_samples, setting)
        rows.append({"lambda": weight, **codes(model, data), **decoding(model, data, drawn)})
        samples.append(means[:N_SHOWN])
        unseen.append(_reconstructed(model, data))
    arrays = {"samples": _grid(samples), "unseen": _grid(unseen)}
    tables = {"outcome": pd.DataFrame(rows), "epochs": pd.DataFrame(epochs)}
    return Findings(tables, tuple(_checks(*rows)), PLOTS, arrays)


def _train(
    weight: float,
    data: Dataset,
    options: CollapseOptions,
    setting: Setting,
    epochs: list[dict[str, float]],
) -> Any:
    """Train with the same initial weights and data order for every KL weight."""
    sizes = {"hidden": options.hidden, "latent_dim": options.latent_dim, "activation": "elu"}

    def watch(epoch: int, model: Any) -> None:
        epochs.append({"lambda": weight, "epoch": epoch, **codes(model, data)})

    stream = setting.stream.child("vae")
    return trained("beta_vae", {"beta": weight} | sizes, data, options.train, stream, watch)


@torch.no_grad()
def codes(model: Any, data: Dataset) -> dict[str, float]:
    """Return the mean scale, the root mean squared mean and the KL of the training posteriors.

    ``apart`` is the distance of a posterior's mean to the nearest other mean, in scales of the
    posterior (root mean square over dimensions); median over data. Well above 1, each datum has its
    own region.
    """
    q = posterior_of(model, data.held_out("train").x)
    mean, scale = q.mean, q.stddev
    kl, _ = kl_terms(q, prior_of(model))
    assert kl is not None
    distance = torch.cdist(mean, mean).fill_diagonal_(torch.inf).amin(dim=1)
    apart = distance / scale.square().sum(dim=1).sqrt()
    return {
        "scale": float(scale.mean()),
        "mean_size": float(mean.square().mean().sqrt()),
        "kl": float(kl.mean()),
        "apart": float(apart.median()),
    }


@torch.no_grad()
def decoding(model: Any, data: Dataset, samples: Tensor) -> dict[str, float]:
    """Return the reconstruction of seen and unseen data, the ELBO, and the distances to the data.

    The distance of an image to the data is that to the nearest training image, root mean squared
    over pixels; for binary samples, compare it with that of unseen data.
    """
    seen, unseen = data.held_out("train").x, data.held_out("test").x
    of_seen, of_unseen = (_values(model, x) for x in (seen, unseen))
    return {
        "reconstruction_seen": of_seen["reconstruction_log_prob"],
        "reconstruction_unseen": of_unseen["reconstruction_log_prob"],
        "elbo_unseen": of_unseen["elbo"],
        "samples_to_data": distance_to_data(samples, seen),
        "unseen_to_data": distance_to_data(unseen, seen),
    }


def _values(model: Any, x: Tensor) -> dict[str, float]:
    frame = evaluate(model, x, evaluators=("reconstruction_log_prob", "elbo"))
    return dict(zip(frame.metric, frame.value, strict=True))


def distance_to_data(x: Tensor, data: Tensor) -> float:
    """Return the mean over x (N, ...) of the distance to the nearest of ``data`` (M, ...)."""
    nearest = torch.cdist(x.flatten(1), data.flatten(1)).amin(dim=1)
    return float(nearest.mean()) / math.sqrt(x[0].numel())


@torch.no_grad()
def _samples(model: Any, n: int, setting: Setting) -> tuple[Tensor, Tensor]:
    """Return images drawn from p(x), (n, C, H, W), and their means (n, H, W) given the code.

    Every model decodes the same codes from the prior.
    """
    with setting.stream.child("samples").seeded():
        p = model.observation_model(model.prior().sample(torch.Size((n,))))
        return p.sample(), p.mean.squeeze(1)


@torch.no_grad()
def _reconstructed(model: Any, data: Dataset) -> Tensor:
    images: Tensor = model.decode(model.encode(data.held_out("test").x[:N_SHOWN])).squeeze(1)
    return images


def _grid(rows: list[Tensor]) -> Array:
    return np.asarray(torch.stack(rows).double().cpu())


def _checks(zero: dict[str, float], one: dict[str, float]) -> Iterator[StudyCheck]:
    """Compare lambda = 0 with lambda = 1; a required factor is a round number."""
    lost = [row["reconstruction_seen"] - row["reconstruction_unseen"] for row in (zero, one)]
    ratio = {key: zero[key] / one[key] for key in ("scale", "mean_size", "kl")}
    name = "mean posterior scale, ratio of lambda = 0 to lambda = 1"
    yield at_most(name, 0.2, ratio["scale"])
    name = "size of posterior means, ratio of lambda = 0 to lambda = 1"
    yield at_least(name, 2, ratio["mean_size"])
    yield at_least("KL, ratio of lambda = 0 to lambda = 1", 4, ratio["kl"])
    name = "ELBO of unseen data, lambda = 0 against 1, nats"
    yield at_most(name, one["elbo_unseen"], zero["elbo_unseen"])
    yield at_least("log p(x|z) lost on unseen data, lambda = 0 against 1, nats", lost[1], lost[0])
    name = "distance of samples to data, lambda = 0 against 1"
    yield at_least(name, one["samples_to_data"], zero["samples_to_data"])
