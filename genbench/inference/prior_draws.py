"""Draws of the prior that all data share: each is decoded once and weighed against every datum."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import Generative
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event
from genbench.inference.bounds import prior_of

BLOCK = 100
"""Draws per noise address: the k-th draw is the same for every K and for all data."""


class PriorDraws:
    """K draws of a model's prior, decoded once, with log p(x given z) for any data.

    Args:
        model: Anything with prior and observation_model; not bound to single data.
        n_samples: K.
        chunk_size: Draws decoded at once, which then meet each block of data at once.
        stream: Source of the noise.
    """

    def __init__(self, model: Generative, n_samples: int, chunk_size: int, stream: Stream) -> None:
        z = _drawn(prior_of(model), n_samples, stream).unsqueeze(1)  # (K, 1, D)
        self._decoded = [
            as_event(model.observation_model(some), 2) for some in torch.split(z, chunk_size)
        ]

    def log_px_given_z(self, x: Tensor) -> Tensor:
        """Return log p(x given z) of each draw for data (B, ...), (K, B) in nats, float64.

        Bernoulli pixels, and Gaussian ones of one scale, cost a matrix product.
        """
        parts = []
        for p in self._decoded:
            log_px = p.log_prob(x.reshape(len(x), *p.event_shape))
            parts.append(log_px.expand(-1, len(x)).double())
        return torch.cat(parts)


def _drawn(p: Distribution, n_samples: int, stream: Stream) -> Tensor:
    """Draw (K, D), in blocks that each have an address."""
    blocks = []
    for i in range(-(-n_samples // BLOCK)):
        with stream.child(i).seeded():
            blocks.append(p.sample(torch.Size((BLOCK,))))
    return torch.cat(blocks)[:n_samples]
