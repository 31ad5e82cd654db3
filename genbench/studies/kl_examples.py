"""Kullback-Leibler divergences with known values: two coins, Gaussians, the KL of a VAE."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from genbench.core.plot import Plot
from genbench.core.seeding import Stream
from genbench.distributions.latent import FactoredNormal, OneHot, StandardNormal
from genbench.inference.bounds import kl_terms
from genbench.studies.study import Array, Findings, NoOptions, Setting, StudyCheck, equal, study

MEANS, SCALES = (-2.0, 0.0, 1.5), (0.4, 1.0, 3.0)
WIDTH = 12.0
"""Half-width of an integral in standard deviations of q; the rest is negligible."""
PLOTS = (
    Plot(
        name="both_ways",
        title="KL between q = N(m, s²) and p = N(0, 1), in both directions",
        caption="With equal scales the two directions agree. A q narrower than p costs little in "
        "one direction and much in the other: KL(p || q) requires q to cover p.",
        table="curves",
        x="value",
        y=("KL(q || p)", "KL(p || q)"),
        panel="moved",
        x_label="varied parameter of q",
        y_label="nats",
    ),
)


def kl(q: Distribution, p: Distribution) -> Tensor:
    """Return KL(q || p) as training and evaluation compute it, (B,) in nats."""
    total, _ = kl_terms(q, p)
    assert total is not None
    return total


def gaussian(loc: float | Array, scale: float | Array) -> Distribution:
    """Return N(loc, scale^2) in one dimension, a batch as long as the arguments, in float64."""
    both = np.broadcast_arrays(np.asarray(loc, float), np.asarray(scale, float))
    loc_column, scale_column = (torch.tensor(values.reshape(-1, 1)) for values in both)  # (B, 1)
    return Independent(Normal(loc_column, scale_column), 1)


def quadrature(m1: float, s1: float, m2: float, s2: float) -> tuple[float, float]:
    """Return the entropy of q and the cross-entropy of q and p, by numerical integration."""
    from scipy.integrate import quad  # slow to import

    def log_density(z: float, m: float, s: float) -> float:
        return -0.5 * ((z - m) / s) ** 2 - math.log(s * math.sqrt(2 * math.pi))

    def integral(m: float, s: float) -> float:
        def integrand(z: float) -> float:
            return -math.exp(log_density(z, m1, s1)) * log_density(z, m, s)

        ends = m1 - WIDTH * s1, m1 + WIDTH * s1
        return float(quad(integrand, *ends, points=[m1], epsabs=1e-11)[0])

    return integral(m1, s1), integral(m2, s2)


@study("kl_examples", title="The Kullback-Leibler divergence by example")
def kl_examples(options: NoOptions, setting: Setting) -> Findings:
    """KL of two coins, of Gaussians on a grid and with full covariance, and from q to N(0, I)."""
    grid = gaussian_grid()
    checks = (
        *_coins(),
        *_on_the_grid(grid),
        _full_covariance(setting.stream.child("covariance")),
        _to_the_prior(setting.stream.child("prior")),
    )
    return Findings({"gaussians": grid, "curves": _curves()}, checks, PLOTS)


def _coins() -> Iterator[StudyCheck]:
    fair, biased = np.array([0.5, 0.5]), np.array([0.7, 0.3])
    for name, q, p, printed in (
        ("KL of a fair coin to one with (0.7, 0.3), nats", fair, biased, "0.872"),
        ("KL in the other direction, nats", biased, fair, "0.823"),
    ):
        one_hot = (OneHot(torch.from_numpy(np.log(v))[None]) for v in (q, p))
        note = f"The slides say {printed}: the decimal point is one place off."
        yield equal(name, (q * np.log(q / p)).sum(), kl(*one_hot), 1e-12, note)


def gaussian_grid() -> pd.DataFrame:
    """Return the KL of each pair of Gaussians on a grid, in three ways, and its two parts."""
    rows = []
    for m1, s1, m2, s2 in product(MEANS, SCALES, MEANS[1:], SCALES):
        q, p = gaussian(m1, s1), gaussian(m2, s2)
        entropy, cross_entropy = quadrature(m1, s1, m2, s2)
        row = {"mean_q": m1, "scale_q": s1, "mean_p": m2, "scale_p": s2}
        row |= {"entropy": entropy, "cross_entropy": cross_entropy}
        row |= {"kl": float(kl(q, p)), "kl_quadrature": cross_entropy - entropy}
        row["kl_torch"] = float(kl_divergence(q, p))
        rows.append(row)
    return pd.DataFrame(rows)


def _on_the_grid(grid: pd.DataFrame) -> Iterator[StudyCheck]:
    s1, s2, gap = grid.scale_q, grid.scale_p, grid.mean_q - grid.mean_p
    entropy = 0.5 * np.log(2 * math.pi * math.e * s1**2)
    cross_entropy = np.log(s2 * math.sqrt(2 * math.pi)) + (s1**2 + gap**2) / (2 * s2**2)
    formula = np.log(s2 / s1) + (s1**2 + gap**2) / (2 * s2**2) - 0.5
    for what, error, tolerance in (
        ("the KL against numerical integration, nats", grid.kl - grid.kl_quadrature, 1e-8),
        ("the KL against log(s2/s1) + ...", grid.kl - formula, 1e-12),
        ("the KL against torch.distributions", grid.kl - grid.kl_torch, 1e-12),
        ("the entropy's formula", entropy - grid.entropy, 1e-8),
        ("the cross-entropy's formula", cross_entropy - grid.cross_entropy, 1e-8),
    ):
        name = f"{len(grid)} pairs of Gaussians: largest error of {what}"
        yield equal(name, 0.0, error.abs().max(), tolerance)


def _full_covariance(stream: Stream, n_dims: int = 4) -> StudyCheck:
    """Compare the KL of a correlated Gaussian to N(0, I) with half of tr S + m'm - k - log det."""
    root = torch.randn(n_dims, n_dims, generator=stream.generator(), dtype=torch.float64)
    mean = torch.randn(n_dims, generator=stream.child("mean").generator(), dtype=torch.float64)
    covariance = root @ root.T + 0.1 * torch.eye(n_dims, dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance)
    q, prior = FactoredNormal(mean[None], scale_tril=factor[None]), StandardNormal(n_dims).double()
    S, m = covariance.numpy(), mean.numpy()
    expected = 0.5 * (np.trace(S) + m @ m - n_dims - np.linalg.slogdet(S)[1])
    name = f"KL of a Gaussian with full covariance to N(0, I), {n_dims} dimensions, nats"
    return equal(name, expected, kl(q, prior()), 1e-10)


def _to_the_prior(stream: Stream, n_dims: int = 5) -> StudyCheck:
    """Compare training's KL to N(0, I) with integrals, one per dimension."""
    loc = torch.randn(1, n_dims, generator=stream.generator(), dtype=torch.float64)
    scale = 0.2 + torch.rand(1, n_dims, generator=stream.generator(), dtype=torch.float64)
    q, prior = Independent(Normal(loc, scale), 1), StandardNormal(n_dims).double()
    expected = 0.0
    for m, s in zip(loc[0].tolist(), scale[0].tolist(), strict=True):
        entropy, cross_entropy = quadrature(m, s, 0.0, 1.0)
        expected += cross_entropy - entropy
    name = f"KL of a diagonal posterior to the prior as training computes it, {n_dims} dimensions"
    return equal(name, expected, kl(q, prior()), 1e-8, "By integration over each dimension.")


def _curves(n: int = 61) -> pd.DataFrame:
    """Return the KL in both directions between q and N(0, 1), varying q's mean or log scale."""
    gaps, logs, ones = np.linspace(-3, 3, n), np.linspace(-1.4, 1.4, n), np.ones(n)
    moved = (
        ("mean of q (scale 1)", gaps, gaps, ones),
        ("log scale of q (mean 0)", logs, 0, np.exp(logs)),
    )
    frames = []
    for what, x, loc, scale in moved:
        q, p = gaussian(loc * ones, scale), gaussian(0 * ones, ones)
        both = {"KL(q || p)": kl(q, p).numpy(), "KL(p || q)": kl(p, q).numpy()}
        frames.append(pd.DataFrame({"moved": what, "value": x, **both}))
    return pd.concat(frames, ignore_index=True)
