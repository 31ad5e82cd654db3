"""The conditional likelihood of hidden pixels, exact for a linear-Gaussian model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.distributions import kl_divergence

from genbench.core.options import Count
from genbench.core.plot import Plot
from genbench.core.seeding import Stream, derive
from genbench.distributions.completion import ImageParts
from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import FixedGaussianHead
from genbench.inference.bounds import elbo_terms, importance_weights, prior_weights
from genbench.inference.weights import ImportanceWeights
from genbench.models.pixel_cvae import PixelCvae
from genbench.nets.conditioned import ConditionedMlpDecoder
from genbench.nets.mlp import MlpEncoder
from genbench.studies.study import Array, Findings, Setting, StudyCheck, StudyOptions, equal, study

PRIOR, POSTERIOR = "prior p(z|shown pixels)", "approximate posterior q(z|x)"
ROUNDING = 1e-9
PLOTS = (
    Plot(
        name="estimates",
        title="Error of the estimated log p(hidden pixels|shown pixels)",
        caption="Root mean squared error over the data against the number K of draws. Draws from"
        " p(z|shown pixels) know nothing about the hidden pixels, so few of them fit; q has seen"
        " them, so a few draws are enough. Both estimates are lower bounds in expectation.",
        table="estimates",
        x="n_samples",
        y=("error",),
        hue="proposal",
        x_label="draws K",
        y_label="error, nats",
        log_x=True,
        log_y=True,
    ),
)


class HiddenPixelsOptions(StudyOptions):
    """A square image of ``side``^2 pixels, the left half shown; noise of ``scale`` on the rest.

    The approximate posterior is the true one, shifted by ``shift`` and stretched by ``stretch`` in
    units of its scale. Each of ``n_data`` images has one estimate per K.
    """

    side: Count = 6
    latent_dim: Count = 4
    scale: PositiveFloat = 0.4
    shift: float = 0.5
    stretch: PositiveFloat = 1.2
    n_data: Count = 100
    n_samples: tuple[Count, ...] = Field((1, 4, 16, 64, 256, 1024, 4096), min_length=1)

    def n_numbers(self) -> int:
        """Return how many numbers the largest array holds."""
        return max(self.n_data, self.side**2) * (self.side**2 + self.latent_dim)


@dataclass(frozen=True)
class ExactCvae:
    """z given c = N(V c, diag t^2), hidden given z, c = N(A z + B c, scale^2 I), A^T A diagonal."""

    V: Array
    t: Array
    A: Array
    B: Array
    scale: float

    @classmethod
    def drawn(cls, options: HiddenPixelsOptions, seed: int) -> "ExactCvae":
        """Draw the matrices."""
        random = np.random.default_rng(seed)
        n = options.side * (options.side // 2)
        n_hidden = options.side**2 - n
        V = random.normal(size=(options.latent_dim, n)) / math.sqrt(n)
        B = random.normal(size=(n_hidden, n)) / math.sqrt(n)
        A = np.linalg.qr(random.normal(size=(n_hidden, options.latent_dim))).Q * 2.0
        return cls(V, np.geomspace(0.5, 2.0, options.latent_dim), A, B, options.scale)

    def draw(self, n: int, seed: int) -> tuple[Array, Array]:
        """Draw the shown part, from N(0, I), and the hidden part of n images."""
        random = np.random.default_rng(seed)
        c = random.normal(size=(n, self.V.shape[1]))
        z = c @ self.V.T + self.t * random.normal(size=(n, len(self.t)))
        noise = self.scale * random.normal(size=(n, len(self.A)))
        return c, z @ self.A.T + c @ self.B.T + noise

    def log_density(self, c: Array, hidden: Array) -> Array:
        """Return log N(hidden; A V c + B c, A diag(t^2) A^T + scale^2 I), (n,) in nats."""
        from scipy.stats import multivariate_normal  # slow to import

        covariance = (self.A * self.t**2) @ self.A.T + self.scale**2 * np.eye(len(self.A))
        error = hidden - c @ self.V.T @ self.A.T - c @ self.B.T
        return np.asarray(multivariate_normal(np.zeros(len(self.A)), covariance).logpdf(error))

    def posterior(self) -> tuple[Array, Array, Array]:
        """Return p(z given x): the matrices for hidden and shown pixels, and the scale (D,)."""
        precision = (self.A**2).sum(axis=0) / self.scale**2 + self.t**-2
        on_hidden = self.A.T / self.scale**2
        on_shown = self.V / self.t[:, None] ** 2 - on_hidden @ self.B
        return on_hidden / precision[:, None], on_shown / precision[:, None], precision**-0.5


def shipped(known: ExactCvae, side: int, shift: float = 0.0, stretch: float = 1.0) -> PixelCvae:
    """Return the same model from :mod:`genbench.models`, with q shifted and stretched."""
    latent_dim, n_shown = known.V.shape
    parts = ImageParts((torch.arange(side) < side // 2).expand(side, side), 1)
    conditional = ConstantScaleNormal(n_shown, latent_dim)
    posterior = ConstantScaleNormal(side**2, latent_dim)
    decoder = ConditionedMlpDecoder(latent_dim, n_shown, (), parts.hidden_shape, "relu")
    model = PixelCvae(
        parts,
        MlpEncoder(side**2, (), "relu"),
        posterior,
        decoder,
        FixedGaussianHead(known.scale),
        latent_dim,
        torch.nn.Sequential(MlpEncoder(n_shown, (), "relu"), conditional),
    ).double()
    on_hidden, on_shown, scale = known.posterior()
    weight = np.empty((latent_dim, side**2))
    weight[:, parts.places.numpy()], weight[:, parts.shown_places.numpy()] = on_hidden, on_shown
    _set(decoder.from_code, known.A)
    _set(decoder.from_condition, known.B)
    _set(conditional.linear, known.V)
    _set(posterior.linear, weight, shift * scale)
    with torch.no_grad():
        conditional.log_scale.copy_(torch.from_numpy(known.t).log())
        posterior.log_scale.copy_(torch.from_numpy(stretch * scale).log())
    return model


def _set(linear: torch.nn.Linear, weight: Array, bias: Array | float = 0.0) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
        if linear.bias is not None:
            linear.bias.copy_(torch.as_tensor(bias).expand(len(weight)))


@study("hidden_pixels", title="The likelihood of hidden pixels", options=HiddenPixelsOptions)
@torch.no_grad()
def hidden_pixels(options: HiddenPixelsOptions, setting: Setting) -> Findings:
    """Estimates of log p(hidden pixels|shown pixels) by draws from the prior and from q."""
    stream = setting.stream
    known = ExactCvae.drawn(options, derive(stream.seed, *stream.path, "model"))
    c, hidden = known.draw(options.n_data, derive(stream.seed, *stream.path, "data"))
    truth = known.log_density(c, hidden)
    exact = shipped(known, options.side)
    x = _images(exact.parts, c, hidden)
    moved = shipped(known, options.side, options.shift, options.stretch)
    weights = {
        (name, k): weigh(moved.given_pixels(x), x, k, None, stream.child(name, k))
        for name, weigh in ((PRIOR, prior_weights), (POSTERIOR, importance_weights))
        for k in options.n_samples
    }
    table = pd.DataFrame([_row(*key, drawn, truth) for key, drawn in weights.items()])
    checks = (*_identities(exact, moved, x, truth), *_unbiased(weights, truth))
    return Findings({"estimates": table}, checks, PLOTS)


def _images(parts: ImageParts, c: Array, hidden: Array) -> Tensor:
    flat = np.empty((len(c), math.prod(parts.image_shape)))
    flat[:, parts.places.numpy()], flat[:, parts.shown_places.numpy()] = hidden, c
    return torch.from_numpy(flat).reshape(len(c), *parts.image_shape)


def _row(name: str, k: int, weights: ImportanceWeights, truth: Array) -> dict[str, object]:
    error = weights.log_mean().numpy() - truth
    return {
        "proposal": name,
        "n_samples": k,
        "bias": float(error.mean()),
        "bias_stderr": float(error.std(ddof=1) / math.sqrt(len(error))),
        "error": math.sqrt((error**2).mean()),
    }


def _identities(
    exact: PixelCvae, moved: PixelCvae, x: Tensor, truth: Array
) -> Iterator[StudyCheck]:
    """Check the identities that hold up to rounding."""
    view = exact.given_pixels(x)
    bound = elbo_terms(view, x, 2, control_variate=True).elbo.numpy()
    weighted = importance_weights(view, x, 8, None, Stream(0)).log_mean().numpy()
    kl = elbo_terms(moved.given_pixels(x), x).kl
    assert moved.conditional_prior is not None
    p = moved.conditional_prior(moved.parts.shown(x))
    q = moved.posterior_head(moved.encoder(x))
    errors = {
        "ELBO under the true posterior": np.abs(bound - truth).max(),
        "importance-weighted bound under the true posterior, K = 8,": np.abs(
            weighted - truth
        ).max(),
        "KL(q(z|x) ‖ p(z|shown pixels))": (kl - kl_divergence(q, p)).abs().max(),
    }
    for quantity, error in errors.items():
        name = f"{quantity} minus its closed form, largest over data, nats"
        yield equal(name, 0.0, error, ROUNDING)


def _unbiased(
    weights: dict[tuple[str, int], ImportanceWeights], truth: Array
) -> Iterator[StudyCheck]:
    """Check the mean weight over data and draws, for the largest K of each proposal."""
    for proposal, drawn in {proposal: drawn for (proposal, _), drawn in weights.items()}.items():
        ratio = np.exp(drawn.log_mean().numpy() - truth)
        stderr = float(ratio.std(ddof=1) / math.sqrt(len(ratio)))
        name = f"mean of the estimate over the exact p(hidden|shown), draws from the {proposal}"
        note = f"K = {drawn.n_samples}. Tolerance: 4 standard errors over data."
        yield equal(name, 1.0, ratio.mean(), 4 * stderr, note)
