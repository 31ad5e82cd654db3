"""Tiny models of flat images (N, D) in float64: a VAE, an autoregressive model, two Gaussians."""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.certify.worlds import World
from genbench.core.seeding import Stream

M = TypeVar("M", bound=nn.Module)
N_LATENT, N_HIDDEN = 2, 16
STEPS, LEARNING_RATE = 200, 1e-2


class Terms(NamedTuple):
    """Log densities at draws of z from q(z given x), each (K, N)."""

    log_px_given_z: Tensor
    log_pz: Tensor
    log_qz_given_x: Tensor

    @property
    def log_w(self) -> Tensor:
        """Log importance weights (K, N)."""
        return self.log_px_given_z + self.log_pz - self.log_qz_given_x


class TinyVae(nn.Module):
    """Two Gaussian latents, Bernoulli pixels, one hidden layer on each side."""

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.encoder = _network(n_pixels, 2 * N_LATENT)
        self.decoder = _network(N_LATENT, n_pixels)

    def draw(self, x: Tensor, n_samples: int, generator: torch.Generator) -> Terms:
        """Draw z and return the log densities there."""
        loc, log_scale = self.encoder(x).chunk(2, dim=-1)
        size = (n_samples, *loc.shape)
        noise = torch.randn(size, generator=generator, dtype=loc.dtype)
        z = loc + log_scale.exp() * noise
        logits = self.decoder(z)
        return Terms(bernoulli(logits, x), log_normal(z), log_normal(noise) - log_scale.sum(dim=-1))


def _network(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_in, N_HIDDEN), nn.Tanh(), nn.Linear(N_HIDDEN, n_out)).double()


def bernoulli(logits: Tensor, x: Tensor) -> Tensor:
    """Return minus the cross-entropy, summed over pixels: log p(x) where pixels are 0 or 1."""
    target = x.expand_as(logits)
    return -binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=-1)


def log_normal(u: Tensor) -> Tensor:
    """Return the log density of a standard Gaussian, summed over the last dimension."""
    return -0.5 * (u.square() + math.log(2 * math.pi)).sum(dim=-1)


class PixelByPixel(nn.Module):
    """Each pixel's probability is a logistic function of the pixels before it.

    With ``sees_itself`` the mask has the diagonal too: the pixel is among what predicts it.
    """

    def __init__(self, n_pixels: int, *, sees_itself: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_pixels, n_pixels).double())
        self.bias = nn.Parameter(torch.zeros(n_pixels).double())
        self._last = 0 if sees_itself else -1

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (N,)."""
        return bernoulli(x @ self.weight.tril(self._last).T + self.bias, x)


class DiagonalGaussian(NamedTuple):
    """Mean and standard deviation of each pixel."""

    loc: Tensor
    scale: Tensor


def images_of(world: World) -> Tensor:
    """Return the training images of a world, (N, D) float64."""
    return world.dataset.held_out("train").x.flatten(1).double()


def bars() -> Tensor:
    """Return the six rows and columns of a 3x3 image, nine times, and with each pixel flipped."""
    rows = torch.eye(3).double()[:, :, None].expand(3, 3, 3)
    each = torch.cat([rows, rows.mT]).flatten(1)
    flipped = (each[:, None] - torch.eye(9).double()).abs()
    return torch.cat([each.repeat(9, 1), flipped.flatten(0, 1)])


@cache
def trained_vae() -> TinyVae:
    """Return a VAE trained on bars by the ELBO with one draw; its posterior is no Gaussian."""
    x, stream = bars(), Stream(0, ("gallery", "vae"))
    generator = stream.child("draws").generator()
    with stream.seeded():
        vae = TinyVae(x.shape[1])
    return _trained(vae, lambda: -vae.draw(x, 1, generator).log_w.mean())


@cache
def trained_pixels(*, sees_itself: bool) -> PixelByPixel:
    """Return an autoregressive model trained on bars by maximum likelihood."""
    x = bars()
    model = PixelByPixel(x.shape[1], sees_itself=sees_itself)
    return _trained(model, lambda: -model.log_prob(x).mean(), 10 * LEARNING_RATE)


def _trained(model: M, loss: Callable[[], Tensor], rate: float = LEARNING_RATE) -> M:
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.requires_grad_(False)


def fitted_gaussian(x: Tensor) -> DiagonalGaussian:
    """Return the Gaussian of highest likelihood with independent pixels."""
    return DiagonalGaussian(x.mean(dim=0), x.std(dim=0, correction=0))
