"""A VAE trained without its KL term: scales fall, means run apart, what is new decodes badly."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import PositiveInt
from torch import Tensor

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.data import Dataset
from genbench.evaluation.user import evaluate
from genbench.inference.bounds import kl_terms, posterior_of, prior_of
from genbench.studies.small_models import digits, trained
from genbench.studies.study import Check, Claim, Findings, Setting, study
from genbench.training.config import TrainConfig

Array = npt.NDArray[np.float64]
WEIGHTS = (0.0, 1.0)
SHOWN = 10


class Training(Options):
    """Two equal VAEs on few binary digits, the KL weighed by 0 and by 1, and their budget."""

    n_data: PositiveInt = 300
    latent_dim: PositiveInt = 8
    hidden: tuple[PositiveInt, ...] = (128, 128)
    n_samples: PositiveInt = 500
    train: TrainConfig = TrainConfig(epochs=150, batch_size=50, learning_rate=2e-3)


@study("collapse", title="What becomes of a VAE without its KL term", options=Training)
def collapse(options: Training, setting: Setting) -> Findings:
    """Posterior scales and means over the epochs of lambda = 0 and 1, and how new codes decode."""
    data = digits(setting, binarisation="static", limit=options.n_data)
    epochs: list[dict[str, float]] = []
    rows, pictures = [], []
    for weight in WEIGHTS:
        model = _train(weight, data, options, setting, epochs)
        drawn, means = _samples(model, options.n_samples, setting)
        rows.append({"lambda": weight, **codes(model, data), **decoding(model, data, drawn)})
        pictures.append((means[:SHOWN], _reconstructed(model, data)))
    originals = data.held_out("test").x[:SHOWN].squeeze(1)
    arrays = {
        "samples": _grid([samples for samples, _ in pictures]),
        "unseen": _grid([originals, *(unseen for _, unseen in pictures)]),
    }
    tables = {"outcome": pd.DataFrame(rows), "epochs": pd.DataFrame(epochs)}
    return Findings(tables, _checks(*rows), (*_curves(), *_images()), arrays)


def _train(
    weight: float,
    data: Dataset,
    options: Training,
    setting: Setting,
    epochs: list[dict[str, float]],
) -> Any:
    """Train from the same start and in the same order for every weight."""
    chosen = {
        "beta": weight,
        "hidden": options.hidden,
        "latent_dim": options.latent_dim,
        "activation": "elu",
    }

    def watch(epoch: int, model: Any) -> None:
        epochs.append({"lambda": weight, "epoch": epoch, **codes(model, data)})

    return trained("beta_vae", chosen, data, options.train, setting.stream.child("vae"), watch)


@torch.no_grad()
def codes(model: Any, data: Dataset) -> dict[str, float]:
    """Return the mean scale, the root mean squared mean and the KL of the training posteriors.

    ``apart`` is the distance of a posterior's mean to the nearest other mean, in scales of the
    posterior (root mean square over dimensions), the median over data: above a few, each datum has
    a place of its own.
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
    """Return the reconstruction of seen and unseen data, the ELBO, and samples' distance to data.

    The distance of an image to the data is that to the nearest training image, root mean squared
    over pixels: for binary samples, comparable with that of unseen data.
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
    images: Tensor = model.decode(model.encode(data.held_out("test").x[:SHOWN])).squeeze(1)
    return images


def _grid(rows: list[Tensor]) -> Array:
    return np.asarray(torch.stack(rows).double().cpu())


def _checks(zero: dict[str, float], one: dict[str, float]) -> tuple[Check, ...]:
    """Compare lambda = 0 with lambda = 1; where a factor is asked for, it is a round number."""
    lost = [row["reconstruction_seen"] - row["reconstruction_unseen"] for row in (zero, one)]
    ratio = {key: zero[key] / one[key] for key in ("scale", "mean_size", "kl")}
    data, prior = ("elbo_unseen", "samples_to_data")
    cases: tuple[tuple[str, float, float, Claim], ...] = (
        ("mean posterior scale, that of lambda = 0 over that of 1", 0.2, ratio["scale"], "<="),
        ("size of posterior means, that of lambda = 0 over that of 1", 2, ratio["mean_size"], ">="),
        ("KL, that of lambda = 0 over that of 1", 4, ratio["kl"], ">="),
        ("ELBO of unseen data, lambda = 0 against 1, nats", one[data], zero[data], "<="),
        ("log p(x|z) lost on unseen data, lambda = 0 against 1, nats", lost[1], lost[0], ">="),
        ("distance of samples to data, lambda = 0 against 1", one[prior], zero[prior], ">="),
    )
    return tuple(Check(name, bound, found, 0.0, claim) for name, bound, found, claim in cases)


def _curves() -> tuple[Plot, ...]:
    over_epochs = {"table": "epochs", "x": "epoch", "hue": "lambda", "log_y": True}
    scales = {
        "name": "scales",
        "title": "Posterior scale over training",
        "caption": "Mean over data and dimensions of the scale of q(z|x). Noise in the code only "
        "harms the reconstruction: without the KL term it is trained away.",
        "y": ("scale",),
        "y_label": "scale of q(z|x)",
    }
    apart = {
        "name": "apart",
        "title": "How far apart the codes lie",
        "caption": "Distance of a posterior mean to the nearest other one, in posterior scales, "
        "the median over training data. At lambda = 0 each image gets a place of its own, with "
        "nothing decoded in between.",
        "y": ("apart",),
        "y_label": "distance / scale",
    }
    return tuple(Plot.model_validate(over_epochs | plot) for plot in (scales, apart))


def _images() -> tuple[Plot, ...]:
    return (
        Plot(
            name="samples",
            title="Samples from the prior: lambda = 0 above, lambda = 1 below",
            caption="The same draws from N(0, I), decoded.",
            kind="images",
            array="samples",
        ),
        Plot(
            name="unseen",
            title="Unseen digits, and their reconstructions at lambda = 0 and lambda = 1",
            caption="First row: test images. Below: decoded posterior means.",
            kind="images",
            array="unseen",
        ),
    )
