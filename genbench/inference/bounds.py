"""The evidence lower bound and the importance-weighted bound, for training and evaluation alike.

One implementation serves both. beta never appears here: it multiplies the KL inside
``objectives/elbo.py`` and so cannot reach an evaluator. Imports torch and ``core``.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, kl_divergence

from genbench.core.capabilities import Generative, Variational
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event

K_BLOCK = 10
"""Draws per noise address: the k-th draw of a datum is the same for every K and every chunk."""


class ElboTerms(NamedTuple):
    """The parts of the evidence lower bound, each (B,) in nats.

    ``kl`` is the closed form where torch knows one, else a mean over the draws; ``kl_per_dim``
    (B, D) exists where both distributions factorise over dimensions.
    """

    log_px_given_z: Tensor
    kl: Tensor
    kl_per_dim: Tensor | None
    closed_form: bool

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

    ``x`` (B, ...) is reshaped to the event of the observation model: flat and image-shaped
    events are both fine.
    """
    p = as_event(model.observation_model(z), z.ndim - latent_ndim)
    log_prob: Tensor = p.log_prob(x.reshape(len(x), *p.event_shape))
    return log_prob


def draw(q: Distribution, k: int) -> Tensor:
    """Draw (k, B, D), differentiably where the family allows it."""
    shape = torch.Size((k,))
    return q.rsample(shape) if q.has_rsample else q.sample(shape)


def kl_terms(q: Distribution, p: Distribution) -> tuple[Tensor | None, Tensor | None]:
    """Return the closed-form KL(q || p), (B,), and its parts per dimension (B, D), where known.

    ``torch.distributions.kl_divergence`` of two ``Independent`` is summed already; the parts come
    from the distributions inside.
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

    ELBO = E_q[log p(x given z)] - KL(q(z given x) || p(z)), a lower bound of log p(x).

    With ``control_variate`` the sampling error of the KL, whose mean is zero, is taken out of
    E_q[log p(x given z)]. The estimate stays unbiased, and the ELBO becomes the mean of
    log p(x, z) - log q(z given x) over the draws: it has no sampling error at all when q is the
    true posterior. Training does without, evaluation with.

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
    log_px_z = log_px_given_z(model, x, z, len(p.event_shape)).mean(dim=0)
    kl, parts = kl_terms(q, p)
    if kl is None:
        sampled = (q.log_prob(z) - p.log_prob(z)).mean(dim=0)
        return ElboTerms(log_px_z, sampled, None, closed_form=False)
    if control_variate:
        sampled = (q.log_prob(z) - p.log_prob(z)).mean(dim=0)
        log_px_z = log_px_z - (sampled - kl)
    return ElboTerms(log_px_z, kl, parts, closed_form=True)


def log_weights(model: Variational, x: Tensor, z: Tensor, q: Distribution) -> Tensor:
    """Return log w = log p(z) + log p(x given z) - log q(z given x) for z (K, B, D), as (K, B)."""
    p = prior_of(model)
    return p.log_prob(z) + log_px_given_z(model, x, z, len(p.event_shape)) - q.log_prob(z)


class StreamingLogMeanExp:
    """log of a mean of exponentials over rows that arrive in pieces, in float64."""

    def __init__(self) -> None:
        self._log_sum: Tensor | None = None
        self.n = 0

    def add(self, values: Tensor) -> None:
        """Take in ``values`` (k, B)."""
        piece = torch.logsumexp(values.double(), dim=0)
        self._log_sum = piece if self._log_sum is None else torch.logaddexp(self._log_sum, piece)
        self.n += len(values)

    def result(self) -> Tensor:
        """Return (B,), the log of the mean over all rows so far."""
        if self._log_sum is None:
            raise ValueError("no values were added")
        return self._log_sum - math.log(self.n)


def iw_log_likelihood(
    model: Variational, x: Tensor, n_samples: int, chunk_size: int, stream: Stream
) -> Tensor:
    """Return the importance-weighted lower bound of log p(x), (B,) in nats, float64.

    log (1/K) sum_k p(x, z_k) / q(z_k given x) with z_k drawn from q(z given x): in expectation a
    lower bound that rises to log p(x) with K. The bias is about -Var(w) / (2 K E[w]^2).

    The encoder runs once; exactly ``n_samples`` draws are used for any ``chunk_size``, and draw k
    of a datum does not depend on either.

    Args:
        model: Anything with prior, observation_model and posterior.
        x: Data (B, ...).
        n_samples: K.
        chunk_size: Most draws per datum that are decoded at once; bounds the memory.
        stream: Where the noise comes from.

    Raises:
        ValueError: ``n_samples`` or ``chunk_size`` is below 1.

    References:
        Burda, Grosse, Salakhutdinov 2016, equation 8.
    """
    if n_samples < 1 or chunk_size < 1:
        raise ValueError(f"n_samples {n_samples} and chunk_size {chunk_size} must be 1 or more")
    q = posterior_of(model, x)
    total = StreamingLogMeanExp()
    for z in _draw_chunks(q, n_samples, chunk_size, stream):
        total.add(log_weights(model, x, z, q))
    return total.result()


def _draw_chunks(
    q: Distribution, n_samples: int, chunk_size: int, stream: Stream
) -> Iterator[Tensor]:
    """Yield the K draws in order, ``chunk_size`` at a time, whatever the noise blocks."""
    pending: list[Tensor] = []
    for start in range(0, n_samples, K_BLOCK):
        with stream.child(start // K_BLOCK).seeded():
            block = draw(q, K_BLOCK)[: n_samples - start]
        pending.append(block)
        held = torch.cat(pending)
        while len(held) >= chunk_size:
            yield held[:chunk_size]
            held = held[chunk_size:]
        pending = [held]
    rest = torch.cat(pending)
    if len(rest):
        yield rest
