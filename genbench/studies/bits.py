"""The objective as a code length: in nats, in bits, and in bits per pixel."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.core.units import bits_per_dim, nats_to_bits
from genbench.evaluation.user import evaluate
from genbench.models.discrete_vae import DiscreteVae
from genbench.objectives.elbo import enumerated_terms
from genbench.studies.small_models import digits, trained
from genbench.studies.study import Array, Findings, Setting, StudyCheck, equal, study
from genbench.training.config import TrainConfig

LEVELS = 256
PLOTS = (
    Plot(
        name="code_lengths",
        title="Bits to send one 8x8 binary digit",
        caption="Mean over test data. A code is sent (rate), then the image given the code "
        "(distortion); the excess over the ideal -log p(x) is the cost of q not being the true "
        "posterior. For the VAE, log p(x) is the importance-weighted bound.",
        kind="bars",
        table="code_lengths",
        x="quantity",
        y=("bits",),
        hue="model",
        y_label="bits per image",
    ),
)


class CodeLengthOptions(Options):
    """The training of the two small models on digits."""

    train: TrainConfig = TrainConfig(epochs=25, batch_size=64, learning_rate=1e-2)


class UniformPixels:
    """Every grey value in [0, 1] has density 1."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) = 0, (B,)."""
        return torch.zeros(len(x), dtype=torch.float64)


@torch.no_grad()
def enumerated_lengths(model: DiscreteVae, x: Tensor) -> dict[str, Array]:
    """Return -log p(x), distortion, rate and KL(q || p(z given x)), each (B,), by plain sums.

    Reads only three probability tables from the model: p(z), q(z given x), and the mean image of
    each category.
    """
    n_categories = len(model.prior().mean)
    images = model.observation_model(torch.eye(n_categories)).mean.flatten(1).double().numpy()
    pixels = x.flatten(1).double().numpy()
    log_px_z = pixels @ np.log(images).T + (1 - pixels) @ np.log1p(-images).T  # (B, K)
    log_joint = log_px_z + np.log(model.prior().mean.double().numpy())
    q = model.posterior(x).mean.double().numpy()
    log_px = np.logaddexp.reduce(log_joint, axis=1)
    log_q = np.log(q.clip(1e-300))
    return {
        "-log p(x)": -log_px,
        "distortion": -(q * log_px_z).sum(axis=1),
        "rate": (q * (log_q - log_joint + log_px_z)).sum(axis=1),
        "cost of q": (q * (log_q - log_joint)).sum(axis=1) + log_px,
    }


@study("bits", title="The numbers in bits", options=CodeLengthOptions)
def bits(options: CodeLengthOptions, setting: Setting) -> Findings:
    """-log p(x), rate and distortion of small trained models in nats, bits and bits per pixel."""
    data = digits(setting, binarisation="static")
    x = data.held_out("test").x
    recipes = {
        "discrete_vae": {"n_categories": 32, "hidden": [64], "activation": "elu"},
        "vae": {"latent_dim": 5, "hidden": [64], "activation": "elu"},
    }
    discrete, vae = (
        trained(recipe, chosen, data, options.train, setting.stream.child(recipe))
        for recipe, chosen in recipes.items()
    )
    lengths = {"discrete_vae": _lengths_exact(discrete, x), "vae": _lengths_bound(vae, x)}
    rows = [
        {"model": model, "quantity": quantity, **_in_units(nats, x[0].numel())}
        for model, numbers in lengths.items()
        for quantity, nats in numbers.items()
    ]
    checks = (*_uniform(x[0].numel()), *_checks(discrete, x))
    return Findings({"code_lengths": pd.DataFrame(rows)}, checks, PLOTS)


def _in_units(nats: float, n_pixels: int) -> dict[str, float]:
    in_bits = nats_to_bits(nats)
    return {"nats": nats, "bits": in_bits, "bits_per_pixel": in_bits / n_pixels}


@torch.no_grad()
def _lengths_exact(model: DiscreteVae, x: Tensor) -> dict[str, float]:
    """Return genbench's own numbers of the discrete VAE, means over data in nats."""
    terms = enumerated_terms(model, x)
    code_length = -float(model.log_prob(x).mean())
    rate, distortion = float(terms.kl.mean()), -float(terms.log_px_given_z.mean())
    cost = rate + distortion - code_length
    return {"-log p(x)": code_length, "distortion": distortion, "rate": rate, "cost of q": cost}


def _lengths_bound(model: object, x: Tensor) -> dict[str, float]:
    """Return those of a VAE, with the importance-weighted bound in place of log p(x)."""
    names = ("iw_log_likelihood", "reconstruction_log_prob", "kl")
    iw = {"iw_log_likelihood": {"n_samples": 500}}
    log_px, log_px_z, rate = evaluate(model, x, evaluators=names, options=iw).value
    cost = log_px - log_px_z + rate
    return {"-log p(x)": -log_px, "distortion": -log_px_z, "rate": rate, "cost of q": cost}


def _uniform(n_pixels: int) -> Iterator[StudyCheck]:
    x = torch.full((3, 1, 1, n_pixels), 0.5)
    options = {"bits_per_dim": {"n_levels": LEVELS}}
    row = evaluate(UniformPixels(), x, evaluators=("bits_per_dim",), options=options).iloc[0]
    mass = bits_per_dim(-n_pixels * math.log(LEVELS), n_pixels, None)
    yield equal("uniform density of dequantised pixels, bits per pixel", 8.0, row.value, 0.0)
    yield equal("uniform mass over 256 grey levels, bits per pixel", 8.0, mass, 1e-12)


def _checks(model: DiscreteVae, x: Tensor) -> Iterator[StudyCheck]:
    expected = {k: float(v.mean()) for k, v in enumerated_lengths(model, x).items()}
    own = _lengths_exact(model, x)
    note = "Enumerated over the categories; computed in float32."
    for quantity, value in expected.items():
        name = f"{quantity} of a discrete VAE, mean over data, nats"
        yield equal(name, value, own[quantity], 1e-4, note)
    name = "-log p(x) + KL(q || p(z|x)) minus (distortion + rate), nats"
    sent = expected["-log p(x)"] + expected["cost of q"] - own["distortion"] - own["rate"]
    yield equal(name, 0.0, sent, 1e-4, note)
    row = evaluate(model, x, evaluators=("bits_per_dim",)).iloc[0]
    per_pixel = expected["-log p(x)"] / math.log(2) / x[0].numel()
    yield equal("-log p(x) in bits per pixel", per_pixel, row.value, 1e-6, note)
