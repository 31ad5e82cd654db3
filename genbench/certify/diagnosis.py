"""What is wrong with a sum: the names of published faults, by the pattern that each leaves.

Some show in the values alone. Others are told by what the claim should have been: a model with
prior, observation model and posterior gives reference values, and a fault is named if its formula
explains the difference from the honest value almost entirely.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.certify.points import Points
from genbench.core.capabilities import Variational, bind
from genbench.core.estimate import UnusableError
from genbench.core.seeding import Stream
from genbench.core.texts import noun
from genbench.evaluation.runner import eval_mode
from genbench.inference import bounds

N_DRAWS = 1024
EXPLAINED = 0.3
"""A formula is named if it leaves less than this part of the difference from the honest value, and
less than any other one leaves."""
CLOSE = 0.02
"""How near, in nats, the logarithm of a sum must lie to that of a known factor."""
SURROGATE = (
    "these are normalised weights times log weights, whose gradient is that of the"
    " importance-weighted bound; their value is no bound"
)
LEAST_BOUND = 0.2
"""The sum of a bound that a mean over pixels may stand for."""


@dataclass(frozen=True)
class Reference:
    """What the claims of a model could be, by its own prior, observation model and posterior.

    Attributes:
        log_w: Log importance weights of draws from the posterior, (K, N).
        log_px_given_z: E_q[log p(x|z)], (N,).
        kl: KL(q(z|x) || p(z)), (N,).
    """

    log_w: Tensor
    log_px_given_z: Tensor
    kl: Tensor

    @property
    def log_px(self) -> Tensor:
        """The importance-weighted bound from all draws, (N,)."""
        return self.log_w.logsumexp(dim=0) - math.log(len(self.log_w))

    def surrogate(self, k: int) -> Tensor:
        """Sum of normalised weights times log weights, over groups of k draws: (N,)."""
        log_w = self.log_w.reshape(-1, k, self.log_w.shape[1])  # k divides the draws
        weighted = log_w.softmax(dim=1) * log_w
        return weighted.sum(dim=1).mean(dim=0)


@torch.no_grad()
def reference_of(model: Any, points: Points, stream: Stream) -> Reference | None:
    """Return the reference values of a model at the points of a world, if it has the methods."""
    view = bind(model, points.y, points.x)
    if not isinstance(view, Variational):
        return None
    usable = suppress(UnusableError)  # its methods are not what was asked about
    with stream.child("reference").seeded(), eval_mode(model), usable:
        return _reference(view, points.x)
    return None


def _reference(view: Variational, x: Tensor) -> Reference:
    q, p = bounds.posterior_of(view, x), bounds.prior_of(view)
    z = bounds.draw(q, N_DRAWS)
    log_px_given_z = bounds.log_px_given_z(view, x, z, len(p.event_shape)).double().cpu()
    log_ratio = (bounds.log_density(q, z) - bounds.log_density(p, z)).double().cpu()
    log_w = log_px_given_z - log_ratio
    return Reference(log_w, log_px_given_z.mean(dim=0), log_ratio.mean(dim=0))


def diagnose(
    total: float, claims: Tensor, points: Points, n_levels: int, reference: Reference | None
) -> str:
    """Return what is wrong with claims that do not sum as they should.

    Args:
        total: Their sum.
        claims: Several at each point, (R, N).
        points: Of the world.
        n_levels: Values that a pixel can take.
        reference: What the claims could be, if that is known.
    """
    values = claims.mean(dim=0)
    known = [] if reference is None else list(_explained(claims, points, reference))
    patterns = [*known, *_patterns(values, points, n_levels)]
    return ": ".join([excess(total), *patterns[:1]])


def excess(total: float) -> str:
    """Say in words that probabilities do not sum to one."""
    side = "more" if total > 1 else "less"
    return f"the probabilities of all images sum to {total:.3g}, {side} than one"


def _sum(values: Tensor, points: Points) -> float:
    return _exp(_log_sum(values, points))


def _log_sum(values: Tensor, points: Points) -> float:
    return float((values + points.log_weight).logsumexp(dim=0))


def _exp(value: float) -> float:
    """Return e to any power, infinite where it is no float."""
    return float(torch.tensor(value, dtype=torch.float64).exp())


def _explained(claims: Tensor, points: Points, reference: Reference) -> Iterator[str]:
    """Yield the fault whose formula explains what the claims are but for noise, if one does."""
    values, honest = claims.mean(dim=0), reference.log_px
    weight = (honest + points.log_weight).softmax(dim=0)

    def mean(errors: Tensor) -> float:
        return float((weight * errors).sum())

    formulas = _formulas(values, points.n_summed, reference, mean)
    left, likeliest = min((mean((values - given).square()), fault) for fault, given in formulas)
    noise = mean(claims.var(dim=0) / len(claims) + reference.log_w.var(dim=0) / N_DRAWS)
    if left - noise < EXPLAINED**2 * (mean((values - honest).square()) - noise):
        yield likeliest


def _formulas(
    values: Tensor, n: int, reference: Reference, mean: Callable[[Tensor], float]
) -> Iterator[tuple[str, Tensor]]:
    """Yield each fault with the values that it gives; a factor or a weight is fitted to them."""
    honest, distortion, kl = reference.log_px, reference.log_px_given_z, reference.kl
    offset = mean(values - honest)
    yield _common_factor(offset), honest + offset
    square = mean(kl.square())
    if square and (beta := mean((distortion - values) * kl) / square) < 1 - CLOSE:
        yield _weighted_kl(beta), distortion - beta * kl
    for k in (2**i for i in range(1, N_DRAWS.bit_length())):
        yield SURROGATE, reference.surrogate(k)
    for whole in (honest, distortion, distortion - kl):
        yield _mean_over_pixels(n), whole / n


def _common_factor(offset: float) -> str:
    factor = _exp(offset)
    if dimensions := _gaussian_constants(offset):
        return _dropped_constant(dimensions)
    drawn, divided = ("more", "fewer") if factor > 1 else ("fewer", "more")
    return (
        f"all values are off by the same factor {factor:.3g}: as of a mean over {drawn} draws that"
        f" is divided by {divided}"
    )


def _weighted_kl(beta: float) -> str:
    if abs(beta) < CLOSE:
        return "these are the reconstruction term E_q[log p(x|z)]: the KL is missing"
    if beta < 0:
        return "the KL is added; it must be subtracted"
    return f"the KL has the weight {beta:.2g}; in a bound it has the weight 1"


def _mean_over_pixels(n: int) -> str:
    return f"these are means over {n} pixels; log p(x) is the sum over them"


def _dropped_constant(dimensions: int) -> str:
    which = "log p" if dimensions > 0 else "log q"
    size = abs(dimensions)
    return (
        f"off by the factor (2π)^({dimensions}/2), the constant of a Gaussian log density in"
        f" {size} {noun(size, 'dimension')}: that of {which} is left out"
    )


def _gaussian_constants(offset: float) -> int:
    """Return in how many dimensions the constant of a Gaussian makes an offset; 0 for none."""
    if not math.isfinite(offset):
        return 0
    dimensions = round(2 * offset / math.log(2 * math.pi))
    error = abs(offset - dimensions / 2 * math.log(2 * math.pi))
    return dimensions if error < CLOSE else 0


def _patterns(values: Tensor, points: Points, n_levels: int) -> Iterator[str]:
    """Yield the faults that show in the values alone."""
    n, total = points.n_summed, _sum(values, points)
    if total > 1 and LEAST_BOUND < _sum(n * values, points) < 1 + CLOSE:
        yield _mean_over_pixels(n)
    if _is_likelihood(-values, points):
        yield "these are −log p(x): the sign is wrong"
    if total > 1 and bool((values >= 0).all()) and _is_likelihood(values.log(), points):
        yield "these are probabilities; their logarithm is missing"
    if _is_likelihood(math.log(2) * values, points):
        yield "these are bits; log p(x) is in nats"
    volume = n * math.log(n_levels)
    if any(_is_likelihood(values + sign * volume, points) for sign in (1, -1)):
        yield (
            f"off by the factor {n_levels}^{n}: the density of values in [0, 1] is taken for the"
            " probability of levels, or the other way round"
        )
    if dimensions := _gaussian_constants(_log_sum(values, points)):
        yield _dropped_constant(dimensions)


def _is_likelihood(values: Tensor, points: Points) -> bool:
    """Whether values sum to one but for noise."""
    return abs(_sum(values, points) - 1) < CLOSE
