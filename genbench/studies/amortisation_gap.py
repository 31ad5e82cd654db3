"""One decoder under three inference schemes: how far each bound is below log p(x)."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Normal

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.protocol import SplitName
from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset
from genbench.evaluation.inference_gap import InferenceGapOptions, refine, weigh
from genbench.evaluation.latent import factorised_normal
from genbench.inference.weights import ImportanceWeights
from genbench.models.linear_vae import LinearVae
from genbench.recipes.options import Layers
from genbench.studies.small_models import trained
from genbench.studies.study import (
    N_PIXELS,
    Array,
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

SHARED, AMORTISED, PER_DATUM = "one q(z) for all", "encoder q(z|x)", "own q(z) per datum"
SCHEMES = (SHARED, AMORTISED, PER_DATUM)
LOG_PX = "log p(x)"
TRAIN_TEST: tuple[SplitName, ...] = ("train", "test")
OPTIMISATION = 0.02
"""Nats by which the optimisation may miss the best q."""

PLOTS = (
    Plot(
        name="nats_lost",
        title="The loss of each inference scheme",
        caption="log p(x) minus the ELBO of the same decoder, with 95 % intervals over data; the"
        " axis is logarithmic. One q(z) for all must cover every posterior at once. The encoder"
        " comes close to the best Gaussian of each datum: the difference between the two is the"
        " amortisation gap. The rest is the price of factorised Gaussians. For the network,"
        " log p(x) is the importance-weighted bound under each datum's own q. The encoder of"
        " the linear decoder was stopped early so that its gap is visible.",
        kind="bars",
        table="schemes",
        x="scheme",
        y=("lost",),
        error="lost_stderr",
        hue="split",
        panel="decoder",
        y_label="log p(x) − ELBO (nats)",
        log_y=True,
    ),
)


class AmortisationOptions(StudyOptions):
    """Sizes of the models, data of each split, and the effort of the optimisation.

    ``n_draws`` are used for each ELBO, and for log p(x) if it is not known exactly.
    """

    latent_dim: Count = 8
    hidden: Layers = (64,)
    n_data: Count = 100
    n_steps: Count = 600
    n_draws: Count = 2000
    linear: TrainConfig = TrainConfig(epochs=10, batch_size=64, learning_rate=1e-2)
    network: TrainConfig = TrainConfig(epochs=40, batch_size=64, learning_rate=3e-3)

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_draws * self.n_data, n_weights(N_PIXELS, *self.hidden, self.latent_dim))


@study("amortisation_gap", title="What inference costs", options=AmortisationOptions)
def amortisation_gap(options: AmortisationOptions, setting: Setting) -> Findings:
    """ELBO of one trained decoder under a shared, an amortised and a per-datum posterior."""
    stream, sizes = setting.stream, {"latent_dim": options.latent_dim}
    data = setting.dataset(DataConfig(name="digits", dequantisation="uniform"))
    model = trained("linear_vae", sizes, data, options.linear, stream.child("linear")).double()
    rows = [*_rows("linear", model, data, options, setting)]
    network = sizes | {"hidden": options.hidden, "activation": "tanh"}
    data = setting.dataset(DataConfig(name="digits", binarisation="static"))
    model = trained("vae", network, data, options.network, stream.child("network"))
    rows += _rows("network", model, data, options, setting)
    table = pd.DataFrame(rows)
    return Findings({"schemes": table}, tuple(_checks(table)), PLOTS)


def _rows(
    decoder: str, model: Any, data: Dataset, options: AmortisationOptions, setting: Setting
) -> Iterator[dict[str, Any]]:
    """Yield a row for each split and scheme; those of a linear decoder have closed forms."""
    for split in TRAIN_TEST:
        x = data.held_out(split).x[: options.n_data]
        x = x.double() if decoder == "linear" else x
        values = scheme_bounds(model, x, options, setting.stream.child("bounds", decoder, split))
        exact = closed_forms(model, x) if isinstance(model, LinearVae) else {}
        for scheme, bound in values.items():
            lost = values[LOG_PX] - bound
            yield {
                "decoder": decoder,
                "split": split,
                "scheme": scheme,
                "value": bound.mean(),
                "lost": lost.mean(),
                "lost_stderr": lost.std(ddof=1) / math.sqrt(len(bound)),
                "exact": exact[scheme].mean() if exact else math.nan,
            }


def scheme_bounds(
    model: Any, x: Tensor, options: AmortisationOptions, stream: Stream
) -> dict[str, Array]:
    """Return each scheme's ELBO, and log p(x), of each datum, (B,) in nats.

    If log p(x) is unknown, the importance-weighted bound under the per-datum posterior replaces it.
    """
    with torch.no_grad():
        schemes = posteriors(model, x, options.n_steps, stream)
        draws = stream.child("draws")
        weights = {
            scheme: ImportanceWeights.of(weigh(model, x, q, options.n_draws, draws))
            for scheme, q in schemes.items()
        }
        exact = isinstance(model, LinearVae)
        log_px = model.log_prob(x) if exact else weights[PER_DATUM].log_mean()
    values = {scheme: weights[scheme].mean_log() for scheme in SCHEMES} | {LOG_PX: log_px}
    return {name: value.double().cpu().numpy() for name, value in values.items()}


@torch.no_grad()
def posteriors(model: Any, x: Tensor, n_steps: int, stream: Stream) -> dict[str, Normal]:
    """Return the posterior of each scheme, loc and scale (B, D), for a fixed decoder.

    The encoder's is given. The others are found by gradient steps: the shared one starts at the
    mean of the encoder's, each datum's own at the encoder's.
    """
    q = factorised_normal(model.posterior(x))
    assert q is not None
    steps = InferenceGapOptions(n_steps=n_steps)
    mean = Normal(q.loc.mean(0, keepdim=True), q.scale.mean(0, keepdim=True))
    shared = refine(model, x, mean, steps, stream.child("shared"))  # one for all: (1, D)
    return {
        SHARED: Normal(shared.loc.expand_as(q.loc), shared.scale.expand_as(q.scale)),
        AMORTISED: q,
        PER_DATUM: refine(model, x, q, steps, stream.child("per_datum")),
    }


@torch.no_grad()
def closed_forms(model: LinearVae, x: Tensor) -> dict[str, Array]:
    """Return the same numbers for a linear decoder, (B,) in nats, in closed form.

    With the true posterior N(mu_n, P^-1), the best diagonal posterior of a datum is
    N(mu_n, 1/P_ii), and the best shared one is N(mean of mu_n, 1/P_ii). The loss of a posterior is
    its divergence from the true one.
    """
    W, b, s2 = (parameter.cpu().numpy() for parameter in model.linear_parameters())
    precision = np.eye(W.shape[1]) + W.T @ W / s2
    mu = np.linalg.solve(precision, W.T @ (x.flatten(1).cpu().numpy() - b).T / s2).T  # (B, D)
    best = np.broadcast_to(1 / np.diag(precision), mu.shape)
    q = factorised_normal(model.posterior(x))
    assert q is not None
    posteriors = {
        SHARED: (np.broadcast_to(mu.mean(axis=0), mu.shape), best),
        AMORTISED: (q.loc.cpu().numpy(), q.scale.square().cpu().numpy()),
        PER_DATUM: (mu, best),
    }
    log_px = model.log_prob(x).cpu().numpy()
    lost = {k: divergence(*v, mu, precision) for k, v in posteriors.items()}
    return {scheme: log_px - lost[scheme] for scheme in SCHEMES} | {LOG_PX: log_px}


def divergence(loc: Array, variance: Array, mu: Array, precision: Array) -> Array:
    """Return KL(N(loc, diag variance) || N(mu, precision^-1)), (B,) in nats."""
    offset = loc - mu
    trace = variance @ np.diag(precision)
    squared = np.einsum("ni,ij,nj->n", offset, precision, offset)
    log_det = np.log(variance).sum(axis=1) + np.linalg.slogdet(precision)[1]
    return np.asarray(0.5 * (trace + squared - loc.shape[1] - log_det))


def _checks(table: pd.DataFrame) -> Iterator[StudyCheck]:
    note = "Closed form; the tolerance covers Monte Carlo noise and the search for q."
    for (decoder, split), rows in table.groupby(["decoder", "split"], sort=False):
        at, where = rows.set_index("scheme"), f"{decoder} decoder, {split}"
        for scheme in SCHEMES if decoder == "linear" else ():
            name = f"{where}: ELBO with {scheme}, nats"
            yield equal(name, at.exact[scheme], at.value[scheme], OPTIMISATION, note)
        tolerance = OPTIMISATION if decoder == "linear" else 0.0
        for below, above in pairwise((*SCHEMES, LOG_PX)):
            gap = at.value[above] - at.value[below]
            yield at_least(f"{where}: {above} less {below}, nats", 0.0, gap, tolerance)
