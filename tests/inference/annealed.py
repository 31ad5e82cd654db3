"""Densities and paths that the tests of annealing share, in float64."""

import torch

from genbench.core.seeding import Stream
from genbench.inference import bounds
from genbench.inference.path import Path
from tests.draws import randn

STREAM = Stream(0, ("test",))


def bent(z):
    """A log density that is neither Gaussian nor symmetric, with a factor of its own per datum."""
    sharper = torch.arange(1, z.shape[1] + 1, dtype=z.dtype)
    first, second = z[..., 0], z[..., 1]
    log_start = -0.5 * z.square().sum(dim=-1)
    return log_start, -sharper * (0.3 * first.pow(4) + 0.7 * (second - first.square()).square())


def gaussian(scale):
    """A path that is N(0, diag scale^2) at every temperature; scale (D,) or (B, D)."""
    scale = torch.as_tensor(scale, dtype=torch.float64)

    def log_densities(z):
        log_density = -0.5 * (z / scale).square().sum(dim=-1)
        return log_density, torch.zeros_like(log_density)

    return log_densities


def to_gaussian(scale):
    """A path from N(0, I) to N(0, scale^2 I), both normalised but for the same constant."""

    def log_densities(z):
        log_start = -0.5 * z.square().sum(dim=-1)
        return log_start, -0.5 * (z / scale).square().sum(dim=-1) - log_start

    return log_densities


def model_path(model, x, start="prior", chunk=None):
    """The path from prior or posterior to p(x, z), as written in the textbook."""
    p = bounds.prior_of(model)
    q = bounds.posterior_of(model, x) if start == "posterior" else None

    def log_densities(z):
        log_joint = p.log_prob(z) + bounds.log_px_given_z(model, x, z, 1)
        log_start = p.log_prob(z) if q is None else q.log_prob(z)
        return log_start, log_joint - log_start

    return Path(log_densities, chunk)


def model_draws(model, x, n_chains, start="prior", seed=0):
    """Draws (C, B, D) from the starting density."""
    with STREAM.child("draws", seed).seeded():
        if start == "prior":
            return bounds.prior_of(model).sample((n_chains, len(x)))
        return bounds.posterior_of(model, x).sample((n_chains,))


def points(n_chains=3, n_data=4, n_dims=2, seed=0):
    return randn(n_chains, n_data, n_dims, seed=seed)
