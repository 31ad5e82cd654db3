"""The exact answers: closed forms, enumeration and quadrature, in float64 numpy and scipy only."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp
from scipy.stats import multivariate_normal

from genbench.selftest.check import Array


class Ppca(NamedTuple):
    """Probabilistic PCA by maximum likelihood: eigenvalues in decreasing order, and the noise.

    References:
        Tipping and Bishop 1999, equations 7 and 8.
    """

    mean: Array
    eigenvalues: Array
    directions: Array
    s2: float

    def covariance(self) -> Array:
        """Return the covariance of p(x), (D, D)."""
        signal = (self.directions * (self.eigenvalues - self.s2)) @ self.directions.T
        return np.asarray(signal + self.s2 * np.eye(len(self.mean)))

    def log_px(self, flat: Array) -> Array:
        """Return log p(x) of data (N, D)."""
        return gaussian_log_density(flat, self.mean, self.covariance())

    def codes(self, flat: Array) -> Array:
        """Return the posterior means (N, latent_dim), up to the sign of each dimension."""
        share = np.sqrt(self.eigenvalues - self.s2) / self.eigenvalues
        return np.asarray((flat - self.mean) @ self.directions * share)

    def reconstruction(self, flat: Array) -> Array:
        """Return E[x | E[z | x]], (N, D)."""
        return (
            self.codes(flat) * np.sqrt(self.eigenvalues - self.s2) @ self.directions.T + self.mean
        )

    def variance(self) -> Array:
        """Return the posterior variance of each latent dimension."""
        return np.asarray(self.s2 / self.eigenvalues, dtype=np.float64)

    def kl_per_dim(self, flat: Array) -> Array:
        """Return KL(p(z_i | x) || p(z_i)), (N, latent_dim)."""
        return diagonal_kl(self.codes(flat), self.variance())


def fit_ppca(flat: Array, latent_dim: int) -> Ppca:
    """Fit to data (N, D)."""
    values, vectors = np.linalg.eigh(np.cov(flat.T, bias=True))
    top = values[::-1][:latent_dim]
    return Ppca(
        flat.mean(axis=0), top, vectors[:, ::-1][:, :latent_dim], values[:-latent_dim].mean()
    )


def gaussian_log_density(flat: Array, mean: Array, covariance: Array) -> Array:
    """Return log N(x; mean, covariance) of data (N, D)."""
    return np.asarray(multivariate_normal(mean, covariance).logpdf(flat), dtype=np.float64)


def diagonal_kl(loc: Array, variance: Array) -> Array:
    """Return KL(N(loc, variance) || N(0, 1)) of each coordinate."""
    return np.asarray(0.5 * (variance + loc**2 - 1 - np.log(variance)), dtype=np.float64)


def gaussian_kl(loc: Array, scale: Array, mean: Array, covariance: Array) -> Array:
    """Return KL(N(loc, diag scale^2) || N(mean, covariance)) for loc and mean (N, D)."""
    precision = np.linalg.inv(covariance)
    offset = np.einsum("ni,ij,nj->n", loc - mean, precision, loc - mean)
    log_det = np.linalg.slogdet(covariance)[1] - 2 * np.log(scale).sum()
    trace = (precision.diagonal() * scale**2).sum()
    return np.asarray(0.5 * (offset + trace - len(scale) + log_det))


def log_ratio(noise: Array, shift: Array | float, stretch: float) -> Array:
    """Return log p(z|x) / q(z|x) at z = loc + scale (shift + stretch noise), a draw from q.

    loc and scale are those of the true posterior in one dimension; the ratio depends on neither.
    """
    at = shift + stretch * noise
    return np.asarray(0.5 * noise**2 - 0.5 * at**2 + math.log(stretch), dtype=np.float64)


def hermite() -> tuple[Array, Array]:
    """Return nodes and weights of the mean over a standard normal variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return nodes, weights / weights.sum()


def gap_and_spread(shift: Array, stretch: float) -> tuple[float, float, float]:
    """Return KL(q || p(z|x)), Var_q(log w), and Var_q(w) / p(x)^2, for the q of :func:`log_ratio`.

    ``shift`` (D,) is in posterior standard deviations.
    """
    nodes, weights = hermite()
    ratios = [log_ratio(nodes, s, stretch) for s in shift]
    means = [float(weights @ r) for r in ratios]
    variance = sum(float(weights @ (r - m) ** 2) for r, m in zip(ratios, means, strict=True))
    second = math.prod(float(weights @ np.exp(2 * r)) for r in ratios)
    return -sum(means), variance, second - 1


def two_draw_bound(shift: float, stretch: float) -> float:
    """Return E[log (w_1 + w_2) / 2] - log p(x) for one latent dimension, by quadrature."""
    nodes, weights = hermite()
    ratio = log_ratio(nodes, shift, stretch)
    both = np.logaddexp(ratio[:, None], ratio[None, :]) - math.log(2)
    return float(weights @ both @ weights)


def bernoulli_log_prob(x: Array, logits: Array) -> Array:
    """Return log p(x | state) for data (N, D) and logits (S, D), (N, S)."""
    return np.asarray(x @ log_expit(logits).T + (1 - x) @ log_expit(-logits).T, dtype=np.float64)


class Enumerated(NamedTuple):
    """All probabilities of a latent with S states, for data (N, ...): logarithms, each (N, S)."""

    log_px_given_z: Array
    log_pz: Array
    log_qz: Array

    def log_px(self) -> Array:
        """Return log p(x), (N,)."""
        return np.asarray(logsumexp(self.log_px_given_z + self.log_pz, axis=1), dtype=np.float64)

    def log_w(self) -> Array:
        """Return log p(x, z) / q(z|x) of each state."""
        return self.log_px_given_z + self.log_pz - self.log_qz

    def under_prior(self) -> "Enumerated":
        """Return the same with the prior as q."""
        return self._replace(log_qz=self.log_pz)

    def mean(self, values: Array) -> Array:
        """Return E_q[values], (N,)."""
        return np.asarray((np.exp(self.log_qz) * values).sum(axis=1), dtype=np.float64)

    def variance(self, values: Array) -> Array:
        """Return Var_q(values), (N,)."""
        return self.mean((values - self.mean(values)[:, None]) ** 2)

    def bound(self, k: int) -> Array:
        """Return E[log 1/K sum_k w_k], (N,), by a sum over all unordered sets of K draws."""
        log_w, total = self.log_w(), np.zeros(len(self.log_qz))
        for chosen in itertools.combinations_with_replacement(range(log_w.shape[1]), k):
            states = list(chosen)
            repeats = math.prod(math.factorial(states.count(s)) for s in set(states))
            p = np.exp(self.log_qz[:, states].sum(axis=1)) * math.factorial(k) / repeats
            total += p * (logsumexp(log_w[:, states], axis=1) - math.log(k))
        return total

    def relative_variance(self) -> Array:
        """Return Var_q(w) / p(x)^2, (N,)."""
        return self.variance(np.exp(self.log_w() - self.log_px()[:, None]))


def enumerate_states(x: Array, pixel_logits: Array, prior: Array, posterior: Array) -> Enumerated:
    """Enumerate a model: logits of pixels (S, D), of the prior (S,) and of q(z|x) (N, S)."""
    log_px_given_z = bernoulli_log_prob(x, pixel_logits)
    log_pz = np.broadcast_to(log_softmax(prior), log_px_given_z.shape)
    return Enumerated(log_px_given_z, log_pz, log_softmax(posterior, axis=1))


def mixture_parts(loc: Array, scale: Array) -> dict[str, float]:
    """Return the three parts of the mean KL of 1/N sum_n N(loc_n, diag scale^2) to N(0, I).

    By the trapezoidal rule on a grid in two dimensions, which is exact up to rounding for Gaussians
    wider than a few steps.

    Args:
        loc: (N, 2).
        scale: (2,).

    References:
        Hoffman and Johnson 2016; Chen, Li, Grosse, Duvenaud 2018, equation 2.
    """
    axes = [
        np.arange(m.min() - 9 * s, m.max() + 9 * s, s / 3)
        for m, s in zip(loc.T, scale, strict=True)
    ]
    each = [_densities(axis, m, s) for axis, m, s in zip(axes, loc.T, scale, strict=True)]
    joint = each[0] @ each[1].T / len(loc)  # (G, H)
    cells = [axis[1] - axis[0] for axis in axes]
    marginal = [_plogp(d.mean(axis=1)).sum() * h for d, h in zip(each, cells, strict=True)]
    negentropy = _plogp(joint).sum() * cells[0] * cells[1]
    conditional = -(np.log(scale) + 0.5 * math.log(2 * math.pi * math.e)).sum()
    cross = -0.5 * (loc**2 + scale**2 + math.log(2 * math.pi)).mean(axis=0).sum()
    return {
        "index_code_mi": float(conditional - negentropy),
        "total_correlation": float(negentropy - sum(marginal)),
        "dimension_wise_kl": float(sum(marginal) - cross),
    }


def _densities(axis: Array, loc: Array, scale: float) -> Array:
    """Return N(axis; loc_n, scale^2), (G, N)."""
    z = (axis[:, None] - loc) / scale
    return np.asarray(np.exp(-0.5 * z**2) / (scale * math.sqrt(2 * math.pi)), dtype=np.float64)


def _plogp(p: Array) -> Array:
    return np.asarray(np.where(p > 0, p * np.log(np.maximum(p, 1e-300)), 0.0), dtype=np.float64)


def parzen_log_density(x: Array, samples: Array, scale: float) -> Array:
    """Return log 1/M sum_m N(x; s_m, scale^2 I) of data (N, D)."""
    distances = ((x[:, None] - samples[None]) ** 2).sum(axis=2)
    constant = math.log(len(samples)) + 0.5 * x.shape[1] * math.log(2 * math.pi * scale**2)
    return np.asarray(logsumexp(-0.5 * distances / scale**2, axis=1) - constant, dtype=np.float64)


def mean_kernel(offset: Array, variance: float, widths: Sequence[float]) -> float:
    """Return E exp(-|u|^2 / (2 w^2)) for u ~ N(offset, variance I), averaged over widths w."""
    squares, half = float((offset**2).sum()), len(offset) / 2
    each = [
        (1 + variance / w**2) ** -half * math.exp(-0.5 * squares / (w**2 + variance))
        for w in widths
    ]
    return float(np.mean(each))
