"""The evidence lower bound and the importance-weighted bound.

Training and evaluation share this implementation. beta never appears here: it multiplies the KL in
``objectives/elbo.py`` and so cannot reach an evaluator.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from genbench.core.capabilities import Generative, Variational
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event
from genbench.inference.memory import automatic_chunk, in_pieces, keep_freed_memory
from genbench.inference.proposals import PROPOSALS, Name
from genbench.inference.streaming import StreamingMoments
from genbench.inference.weights import ImportanceWeights

K_BLOCK = 10
"""Draws per noise address: the k-th draw of a datum is the same for every K and every chunk."""

DEVICE_K_BLOCK = 500
"""The same on an accelerator, where few large pieces are faster and the noise differs anyway."""


class ElboTerms(NamedTuple):
    """The parts of the evidence lower bound, each (B,) in nats.

    ``kl`` is the closed form if torch has one, else a mean over the draws; ``kl_per_dim`` (B, D)
    exists if both distributions factorise over dimensions. The Monte-Carlo variances (B,) of the
    ELBO, of ``log_px_given_z`` and of a ``kl`` without closed form are there in evaluation; with
    one draw they are NaN.
    """

    log_px_given_z: Tensor
    kl: Tensor
    kl_per_dim: Tensor | None
    closed_form: bool
    elbo_variance: Tensor | None = None
    log_px_variance: Tensor | None = None
    kl_variance: Tensor | None = None

    @property
    def elbo(self) -> Tensor:
        """E_q[log p(x|z)] - KL(q || p)."""
        return self.log_px_given_z - self.kl


def prior_of(model: Generative) -> Distribution:
    """Return p(z) with batch ()."""
    return as_event(model.prior(), 0)


def posterior_of(model: Variational, x: Tensor) -> Distribution:
    """Return q(z given x) with batch (B,)."""
    return as_event(model.posterior(x), 1)


def log_px_given_z(model: Generative, x: Tensor, z: Tensor, latent_ndim: int) -> Tensor:
    """Return log p(x given z), shaped like the leading dimensions of ``z`` (K, B).

    ``x`` (B, ...) is reshaped to the event of the observation model, which may be flat or
    image-shaped.
    """
    p = as_event(model.observation_model(z), z.ndim - latent_ndim)
    return p.log_prob(x.reshape(len(x), *p.event_shape))


def draw(q: Distribution, k: int) -> Tensor:
    """Draw (k, B, D), with reparameterised gradients if the family has them."""
    if q.has_rsample and k == 1:  # without a sum over draws in its gradient
        return q.rsample(torch.Size()).unsqueeze(0)
    shape = torch.Size((k,))
    return q.rsample(shape) if q.has_rsample else q.sample(shape)


def kl_terms(q: Distribution, p: Distribution) -> tuple[Tensor | None, Tensor | None]:
    """Return the closed-form KL(q || p), (B,), and its parts per dimension (B, D), if known.

    ``torch.distributions.kl_divergence`` of two ``Independent`` is already summed; the parts come
    from their base distributions.
    """
    both_factorise = isinstance(q, Independent) and isinstance(p, Independent)
    try:
        if both_factorise and q.reinterpreted_batch_ndims == p.reinterpreted_batch_ndims:  # type: ignore[attr-defined]
            parts = kl_divergence(q.base_dist, p.base_dist).flatten(1)  # type: ignore[attr-defined]
            return parts.sum(dim=1), parts
        return kl_divergence(q, p), None
    except NotImplementedError:
        return None, None


def elbo_terms(
    model: Variational, x: Tensor, n_samples: int = 1, *, control_variate: bool = False
) -> ElboTerms:
    """Return the terms of the evidence lower bound, averaged over draws from q(z given x).

    ELBO = E_q[log p(x given z)] - KL(q(z given x) || p(z)), a lower bound on log p(x).

    With ``control_variate`` the sampling error of the KL, whose mean is zero, is subtracted from
    E_q[log p(x given z)]. The estimate stays unbiased, and the ELBO becomes the mean of
    log p(x, z) - log q(z given x) over the draws: it has no sampling error at all when q is the
    true posterior. Evaluation uses it, training does not.

    Args:
        model: Anything with prior, observation_model and posterior.
        x: Data (B, ...).
        n_samples: Draws per datum; noise comes from torch's own generator.
        control_variate: See above.

    References:
        Kingma and Welling 2014, equation 3; Roeder, Wu, Duvenaud 2017, for the variance.
    """
    q, p = posterior_of(model, x), prior_of(model)
    z = draw(q, n_samples)  # (K, B, D)
    log_px_z = log_px_given_z(model, x, z, len(p.event_shape))  # (K, B)
    kl, parts = kl_terms(q, p)
    if kl is not None and not control_variate:
        log_px = log_px_z[0] if n_samples == 1 else log_px_z.mean(dim=0)
        return ElboTerms(log_px, kl, parts, closed_form=True)
    log_ratio = q.log_prob(z) - p.log_prob(z)
    sampled, variance = log_ratio.mean(dim=0), variance_of_mean(log_px_z - log_ratio)
    if kl is None:
        of_px, of_kl = variance_of_mean(log_px_z), variance_of_mean(log_ratio)
        return ElboTerms(log_px_z.mean(dim=0), sampled, None, False, variance, of_px, of_kl)
    controlled = log_px_z.mean(dim=0) - (sampled - kl)
    return ElboTerms(controlled, kl, parts, True, variance, variance)


def variance_of_mean(values: Tensor) -> Tensor:
    """Return s^2 / K over rows (K, B); NaN for a single row, as in training."""
    if len(values) == 1:
        return torch.full_like(values[0], torch.nan, requires_grad=False)
    moments = StreamingMoments()
    moments.add(values.detach().double())
    return moments.variance_of_mean()


def log_weights(model: Variational, x: Tensor, z: Tensor, q: Distribution) -> Tensor:
    """Return log w = log p(z) + log p(x given z) - log q(z given x) for z (K, B, D), as (K, B)."""
    p = prior_of(model)
    log_ratio = log_density(p, z) - log_density(q, z)
    return log_ratio + log_px_given_z(model, x, z, len(p.event_shape))


def log_density(p: Distribution, z: Tensor) -> Tensor:
    """Return ``p.log_prob(z)``, in fewer passes over z for a diagonal Gaussian."""
    factorises = type(p) is Independent and type(p.base_dist) is Normal
    if not factorises or p.reinterpreted_batch_ndims != 1:  # type: ignore[attr-defined]
        return p.log_prob(z)
    loc, scale = p.base_dist.loc, p.base_dist.scale  # type: ignore[attr-defined]
    log_volume = (scale.log() + 0.5 * math.log(2 * math.pi)).sum(dim=-1)
    log_p: Tensor = -0.5 * ((z - loc) / scale).square().sum(dim=-1) - log_volume
    return log_p


def importance_weights(
    model: Variational,
    x: Tensor,
    n_samples: int,
    chunk_size: int | None,
    stream: Stream,
    proposal: Name = "posterior",
) -> ImportanceWeights:
    """Weight exactly K draws from a proposal per datum; the encoder runs once.

    Draw k of a datum depends on neither K nor ``chunk_size``. Chunks that do not fit in memory are
    halved.

    Args:
        model: Anything with prior, observation_model and posterior.
        x: Data (B, ...).
        n_samples: K.
        chunk_size: Maximum draws per datum decoded at once; bounds the memory. None: as many as
            fit in the processor's cache.
        stream: Source of the noise; the child "pilot" is that of a fitted proposal.
        proposal: The distribution that is drawn from: see :mod:`genbench.inference.proposals`.

    Raises:
        ValueError: ``n_samples`` or ``chunk_size`` is below 1.
    """
    q = posterior_of(model, x)
    size = _checked_chunk(x, n_samples, chunk_size)
    make, pilot = PROPOSALS[proposal], stream.child("pilot")
    p = prior_of(model)
    r, remark = make(q, p, lambda z: log_weights(model, x, z, q), size, pilot)
    weights = _weighted(lambda z: log_weights(model, x, z, r), r, x, n_samples, size, stream)
    weights.remark = remark
    return weights


def prior_weights(
    model: Generative, x: Tensor, n_samples: int, chunk_size: int | None, stream: Stream
) -> ImportanceWeights:
    """Weight exactly K draws from the prior for each datum: log w = log p(x given z).

    Arguments and errors are those of :func:`importance_weights`; there is no encoder.
    """
    p = prior_of(model)
    n_dims = len(p.event_shape)
    proposal = p.expand(torch.Size((len(x),)))
    return _weighted(
        lambda z: log_px_given_z(model, x, z, n_dims), proposal, x, n_samples, chunk_size, stream
    )


def iw_log_likelihood(
    model: Variational, x: Tensor, n_samples: int, chunk_size: int | None, stream: Stream
) -> Tensor:
    """Return the importance-weighted lower bound on log p(x), (B,) in nats, float64.

    log (1/K) sum_k p(x, z_k) / q(z_k given x) with z_k drawn from q(z given x): in expectation a
    lower bound that rises to log p(x) with K. The bias is about -Var(w) / (2 K E[w]^2).

    Arguments and errors are those of :func:`importance_weights`, which returns all statistics.

    References:
        Burda, Grosse, Salakhutdinov 2016, equation 8.
    """
    return importance_weights(model, x, n_samples, chunk_size, stream).log_mean()


def _weighted(
    log_weight: Callable[[Tensor], Tensor],
    proposal: Distribution,
    x: Tensor,
    n_samples: int,
    chunk_size: int | None,
    stream: Stream,
) -> ImportanceWeights:
    size = _checked_chunk(x, n_samples, chunk_size)
    keep_freed_memory()
    weights = ImportanceWeights(n_samples)
    per_address = K_BLOCK if x.device.type == "cpu" else DEVICE_K_BLOCK
    chunks = _draw_chunks(proposal, n_samples, size, stream, per_address)
    for log_w in in_pieces(log_weight, chunks, size):
        weights.add(log_w)
    return weights


def _checked_chunk(x: Tensor, n_samples: int, chunk_size: int | None) -> int:
    size = automatic_chunk(x) if chunk_size is None else chunk_size
    if n_samples < 1 or size < 1:
        raise ValueError(f"n_samples {n_samples} and chunk_size {chunk_size} must be 1 or more")
    return size


def _draw_chunks(
    q: Distribution, n_samples: int, chunk_size: int, stream: Stream, per_address: int = K_BLOCK
) -> Iterator[Tensor]:
    """Yield the K draws in order, ``chunk_size`` at a time, independently of the noise blocks."""
    pending: list[Tensor] = []
    for start in range(0, n_samples, per_address):
        with stream.child(start // per_address).seeded():
            block = draw(q, per_address)[: n_samples - start]
        held = torch.cat([*pending, block])
        while len(held) >= chunk_size:
            yield held[:chunk_size]
            held = held[chunk_size:]
        pending = [held]
    yield from (rest for rest in pending if len(rest))
