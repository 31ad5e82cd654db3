"""Identities and inequalities of the evidence lower bound, up to rounding where possible."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from genbench.core.objective import Batch
from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.distributions.observation import FixedGaussianHead
from genbench.evaluation.user import evaluate
from genbench.inference.bounds import draw, elbo_terms, log_weights
from genbench.models.linear_gaussian import LinearGaussian
from genbench.objectives.reconstruction import SquaredError
from genbench.studies.linear_models import MovedPosterior, chosen_linear_gaussian, draw_data
from genbench.studies.small_models import built, digits, trained
from genbench.studies.study import (
    Array,
    Findings,
    Setting,
    StudyCheck,
    StudyOptions,
    at_least,
    at_most,
    equal,
    study,
)
from genbench.training.config import TrainConfig

ROUNDING = 1e-10
PLOTS = (
    Plot(
        name="gap",
        title="The gap between log p(x) and the ELBO is KL(q || p(z|x))",
        caption="Linear-Gaussian model, means over data. q has the mean of the true posterior and "
        "a multiple of its scale; at 1 it is the true posterior.",
        table="posteriors",
        x="stretch",
        y=("log p(x)", "ELBO + KL(q || p(z|x))", "ELBO"),
        x_label="scale of q relative to the true posterior",
        y_label="nats",
        log_x=True,
    ),
)


class ElboIdentitiesOptions(StudyOptions):
    """Sizes of the linear-Gaussian model, and the training of the VAE."""

    latent_dim: Count = 3
    n_pixels: Count = 8
    n_data: Count = 20
    train: TrainConfig = TrainConfig(epochs=15, batch_size=64, learning_rate=3e-3)

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.latent_dim, self.n_data) * max(self.latent_dim, self.n_pixels)


def log_px(model: LinearGaussian, x: Tensor) -> Array:
    """Return log N(x; mean, W W^T + s2 I) by scipy, (B,) in nats."""
    from scipy.stats import multivariate_normal  # slow to import

    W = model.W.numpy()
    covariance = W @ W.T + float(model.s2) * np.eye(len(W))
    density = multivariate_normal(model.mean.numpy(), covariance)
    return np.atleast_1d(density.logpdf(x.flatten(1).numpy()))


def kl_to_true_posterior(model: MovedPosterior, x: Tensor) -> Array:
    """Return KL(q || p(z given x)), (B,), with p(z given x) from Bayes' rule with full matrices."""
    W, s2 = model.base.W.numpy(), float(model.base.s2)
    covariance = np.linalg.inv(np.eye(W.shape[1]) + W.T @ W / s2)
    mean = (x.flatten(1).numpy() - model.base.mean.numpy()) @ W @ covariance / s2
    q = model.posterior(x)
    gap, variance = q.mean.numpy() - mean, q.variance.numpy()
    inverse = np.linalg.inv(covariance)
    trace = variance @ np.diag(inverse)
    quadratic = np.einsum("ni,ij,nj->n", gap, inverse, gap)
    log_det = np.linalg.slogdet(covariance)[1] - np.log(variance).sum(axis=1)
    return np.asarray(0.5 * (trace + quadratic - len(covariance) + log_det))


def two_forms(model: MovedPosterior, x: Tensor) -> tuple[Array, Array, Array]:
    """Return the ELBO (B,) as E_q[log p(x given z)] - KL and as E_q[log w], and that KL."""
    k = 2 * model.base.W.shape[1]
    terms = elbo_terms(model, x, k)
    q = model.posterior(x)
    by_weights = log_weights(model, x, draw(q, k), q).mean(dim=0)
    return terms.elbo.numpy(), by_weights.numpy(), terms.kl.numpy()


@study("elbo_identities", title="What the evidence lower bound is", options=ElboIdentitiesOptions)
def elbo_identities(options: ElboIdentitiesOptions, setting: Setting) -> Findings:
    """Log p(x) = ELBO + KL(q || p(z|x)), both forms of the ELBO, and the bound from prior draws."""
    base = chosen_linear_gaussian(
        options.latent_dim, options.n_pixels, 0.25, setting.stream.child("model")
    )
    x = draw_data(base, options.n_data, setting.stream.child("data"))
    model = MovedPosterior(base, 0.7, 1.6, cubature=True)
    vae = _trained(options, setting)
    tables = {"data": _per_datum(model, x), "posteriors": _stretched(base, x)}
    tables["trained"] = vae[["metric", "value", "stderr", "n", "unit"]]
    checks = (*_identities(model, x), _prior_bound(base, x), *_order(vae), *_squared_error(setting))
    return Findings(tables, checks, PLOTS)


def _per_datum(model: MovedPosterior, x: Tensor) -> pd.DataFrame:
    elbo, _, kl = two_forms(model, x)
    lost = {"kl_to_true_posterior": kl_to_true_posterior(model, x), "kl": kl}
    return pd.DataFrame({"log_px": log_px(model.base, x), "elbo": elbo, **lost})


def _identities(model: MovedPosterior, x: Tensor) -> Iterator[StudyCheck]:
    evidence, gap = log_px(model.base, x), kl_to_true_posterior(model, x)
    elbo, by_weights, kl = two_forms(model, x)
    note = "The expectation uses a cubature that is exact here; log p(x) is scipy's."
    for name, error in (
        ("log p(x) - ELBO - KL(q || p(z|x))", evidence - elbo - gap),
        ("E_q[log p(x|z)] - KL(q || p) less E_q[log p(x, z) - log q(z|x)]", elbo - by_weights),
    ):
        yield equal(f"largest of |{name}|, nats", 0.0, np.abs(error).max(), ROUNDING, note)
    name = "mean of E_q[log p(x|z)] + KL(q || p), with the minus dropped: above log p(x), nats"
    note = "Some slides drop the minus inside the bracket; the result is not a bound."
    yield at_least(name, evidence.mean(), (elbo + 2 * kl).mean(), note=note)


def _prior_bound(base: LinearGaussian, x: Tensor) -> StudyCheck:
    """With q = p(z) the ELBO is E_p(z)[log p(x given z)], which has a closed form."""
    flat, n_pixels = x.flatten(1).numpy() - base.mean.numpy(), base.W.shape[0]
    squares = (flat**2).sum(axis=1) + float((base.W**2).sum())
    s2 = float(base.s2)
    expected = -0.5 * (squares / s2 + n_pixels * math.log(2 * math.pi * s2))
    options = {"prior_bound": {"n_samples": 5000}}
    row = evaluate(base, x, evaluators=("prior_bound",), options=options).iloc[0]
    name = "E_p(z)[log p(x|z)] by 5,000 draws from the prior, mean over data, nats"
    tolerance = 4 * float(row.mc_stderr)
    return equal(name, expected.mean(), row.value, tolerance, "Tolerance: 4 standard errors.")


def _stretched(base: LinearGaussian, x: Tensor) -> pd.DataFrame:
    """Return the ELBO and its gap to log p(x), means over data, for posteriors of many scales."""
    rows = []
    for stretch in np.geomspace(0.4, 2.5, 25):
        model = MovedPosterior(base, 0.0, float(stretch), cubature=True)
        elbo, gap = two_forms(model, x)[0].mean(), kl_to_true_posterior(model, x).mean()
        rows.append({"stretch": stretch, "ELBO": elbo, "ELBO + KL(q || p(z|x))": elbo + gap})
    return pd.DataFrame(rows).assign(**{"log p(x)": float(log_px(base, x).mean())})


def _trained(options: ElboIdentitiesOptions, setting: Setting) -> pd.DataFrame:
    """Train a VAE on digits; return three lower bounds on its log p(x)."""
    data = digits(setting, binarisation="static")
    stream = setting.stream.child("vae")
    model = trained("vae", {"hidden": [64], "latent_dim": 5}, data, options.train, stream)
    names = ("prior_bound", "elbo", "iw_log_likelihood")
    iw = {"iw_log_likelihood": {"n_samples": 50}}
    return evaluate(model, data.held_out("test").x, evaluators=names, options=iw)


def _order(vae: pd.DataFrame) -> Iterator[StudyCheck]:
    """Check the order of the three bounds."""
    prior_bound, elbo, iw = vae.value
    name = "E_p(z)[log p(x|z)] of a trained VAE lies below its ELBO, test mean, nats"
    yield at_most(name, elbo, prior_bound)
    name = "ELBO of a trained VAE lies below its importance-weighted bound, test mean, nats"
    tolerance = 4 * float(np.hypot(*vae.mc_stderr[1:]))
    yield at_most(name, iw, elbo, tolerance, "Tolerance: 4 standard errors of the draws.")


def _squared_error(setting: Setting) -> Iterator[StudyCheck]:
    """Half the squared error is the unit-Gaussian -log p(x given z) minus (D/2) log 2 pi."""
    data, sizes = digits(setting), {"hidden": [16], "latent_dim": 4}
    model = built("ae", sizes, data, setting.stream.child("ae")).double()
    x, y = data.held_out("test").x[:50].double(), data.held_out("test").y[:50]
    half = 0.5 * SquaredError()(model, Batch(x, y)).value
    head = FixedGaussianHead(1.0)
    nll = -head(model.decode(model.encode(x))).log_prob(x).mean()
    parameters = list(model.parameters())
    of_half, of_nll = (torch.autograd.grad(v, parameters) for v in (half, nll))
    worst = max(float((a - b).abs().max()) for a, b in zip(of_half, of_nll, strict=True))
    n_pixels = x[0].numel()
    name = f"unit-Gaussian -log p(x|z) minus half the squared error, {n_pixels} pixels, nats"
    constant, difference = 0.5 * n_pixels * math.log(2 * math.pi), (nll - half).detach()
    yield equal(name, constant, difference, ROUNDING, "(D/2) log 2π for any model")
    yield equal("largest difference of their gradients", 0.0, worst, ROUNDING)
