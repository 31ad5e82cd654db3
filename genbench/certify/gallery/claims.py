"""Claims about log p(x), honest and not.

A claim is a function of flat images x (N, D), an effort (draws K, or solver steps) and a generator,
to log p(x) in nats, (N,). All models are trained by honest code; a bug is in what is reported.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genbench.certify.gallery.models import (
    Terms,
    bernoulli,
    fitted_gaussian,
    images_of,
    log_normal,
    trained_pixels,
    trained_vae,
)
from genbench.certify.worlds import World

Claim = Callable[[Tensor, int, torch.Generator], Tensor]
Make = Callable[[World, float], Claim]
"""Trains on the images of a world, times a factor, and returns what is claimed."""
LOG_2PI = math.log(2 * math.pi)
CHUNK = 20
"""Draws of one pass."""


def of_vae(number: Callable[[Terms], Tensor]) -> Make:
    """Return the claim that a number of the draws from a trained VAE is log p(x)."""

    def make(world: World, factor: float) -> Claim:
        vae = trained_vae()
        return lambda x, n, generator: number(vae.draw(x, n, generator))

    return make


def elbo(terms: Terms) -> Tensor:
    """Mean log weight: a lower bound."""
    return terms.log_w.mean(dim=0)


def importance_weighted(terms: Terms) -> Tensor:
    """Log of the mean weight: a tighter bound, and the log of an unbiased estimate of p(x)."""
    return terms.log_w.logsumexp(dim=0) - math.log(len(terms.log_w))


def reconstruction(terms: Terms) -> Tensor:
    """The ELBO without its KL."""
    return terms.log_px_given_z.mean(dim=0)


def mean_over_pixels(world: World, factor: float) -> Claim:
    """The ELBO over the number of pixels, which a default reduction takes."""
    honest = of_vae(elbo)(world, factor)
    return lambda x, n, generator: honest(x, n, generator) / x.shape[1]


def surrogate(terms: Terms) -> Tensor:
    """The loss whose gradient is that of the bound: weighted log weights."""
    return (terms.log_w.softmax(dim=0) * terms.log_w).sum(dim=0)


def log_of_the_sum(terms: Terms) -> Tensor:
    """Log of the sum of weights."""
    return terms.log_w.logsumexp(dim=0)


def divided_by_the_request(world: World, factor: float) -> Claim:
    """Whole chunks are drawn, and the sum is divided by the number that was asked for."""
    vae = trained_vae()

    def claim(x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        drawn = vae.draw(x, CHUNK * math.ceil(n / CHUNK), generator)
        return log_of_the_sum(drawn) - math.log(n)

    return claim


def wrong_constant(terms: Terms) -> Tensor:
    """The prior's density with 2 pi in place of its root, in each of two dimensions."""
    return importance_weighted(terms) - LOG_2PI


def inverted_weights(terms: Terms) -> Tensor:
    """Minus the log of the mean inverse weight: the log-sum-exp of losses."""
    return math.log(len(terms.log_w)) - (-terms.log_w).logsumexp(dim=0)


def pixel_by_pixel(*, sees_itself: bool) -> Make:
    """Return the claim of an autoregressive model, whose mask has the diagonal or not."""

    def make(world: World, factor: float) -> Claim:
        model = trained_pixels(sees_itself=sees_itself)
        return lambda x, n, generator: model.log_prob(x)

    return make


def standardised(sign: float) -> Make:
    """Return the claim of a flow of one affine layer, its log-determinant with a sign."""

    def make(world: World, factor: float) -> Claim:
        loc, scale = fitted_gaussian(factor * images_of(world))
        return lambda x, n, generator: log_normal((x - loc) / scale) + sign * scale.log().sum()

    return make


def scaled_levels(*, volume: bool) -> Make:
    """Return the log density at the levels' middles in 0..1, with or without their volume."""

    def make(world: World, factor: float) -> Claim:
        n_levels = len(world.axis)

        def middles(x: Tensor) -> Tensor:
            return (x * (n_levels - 1) + 0.5) / n_levels

        loc, scale = fitted_gaussian(middles(images_of(world)))

        def claim(x: Tensor, n: int, generator: torch.Generator) -> Tensor:
            density = log_normal((middles(x) - loc) / scale) - scale.log().sum()
            return density - volume * x.shape[1] * math.log(n_levels)

        return claim

    return make


def grey_cross_entropy(world: World, factor: float) -> Claim:
    """Minus the cross-entropy of grey pixels with their means."""
    logits = images_of(world).mean(dim=0).logit()
    return lambda x, n, generator: bernoulli(logits.expand_as(x), x)


def grey_categories(world: World, factor: float) -> Claim:
    """A probability for each level of each pixel."""
    levels = (images_of(world)[..., None] - world.axis.double()).abs() < 1e-6  # (N, D, L)
    log_p = levels.double().mean(dim=0).log()

    def claim(x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        of_level = ((x[..., None] - world.axis.double()).abs() < 1e-6).double()
        return (of_level * log_p).sum(dim=(1, 2))

    return claim


def solved(world: World, factor: float) -> Claim:
    """Flow matching from a standard Gaussian to one of the data, by Euler's method.

    On the straight path x_t = (1 - t) x_0 + t x_1 the field is known:
    v = loc + (s_t' / s_t) (x - t loc), s_t^2 = (1 - t)^2 + (t scale)^2.
    """
    loc, scale = fitted_gaussian(images_of(world))

    def claim(x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        divergence = torch.zeros(())
        for i in range(n, 0, -1):
            t = i / n
            slope = (t * scale.square() + t - 1) / ((1 - t) ** 2 + (t * scale).square())
            x = x - (loc + slope * (x - t * loc)) / n
            divergence = divergence + slope.sum() / n
        return log_normal(x) - divergence

    return claim
