"""The joint distribution of vectors that each depend on the one before."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

T = TypeVar("T")
Link = Callable[[Tensor], Distribution]
"""A vector (..., D_i) -> the distribution of the next, batch (...), event (D_(i+1),)."""


class Chain(Distribution):
    """p(z) = p(z_1) prod_i p(z_(i+1) given z_i), all continuous; z holds the vectors side by side.

    The batch is that of the first, the event all numbers. It states no mean and no variance: only
    those of the first vector are known.

    Args:
        first: p(z_1), batch S, event (D_1,).
        links: One for each further vector.
        sizes: D_1, D_2, ...
        backwards: Whether z begins with the last vector of the chain.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        first: Distribution,
        links: Sequence[Link],
        sizes: Sequence[int],
        *,
        backwards: bool = False,
    ) -> None:
        self.first, self.links, self.sizes = first, tuple(links), tuple(sizes)
        self.backwards = backwards
        event = torch.Size((sum(self.sizes),))
        super().__init__(first.batch_shape, event, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Chain":
        """Return the same chain for every element of ``batch_shape``."""
        first = self.first.expand(batch_shape)
        return Chain(first, self.links, self.sizes, backwards=self.backwards)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw one vector after the other, each differentiable in all before it."""
        parts = [self.first.rsample(sample_shape)]
        for link in self.links:
            parts.append(link(parts[-1]).rsample())
        return torch.cat(self._turned(parts), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the sum of the log densities of all vectors."""
        parts = self._turned(torch.split(value, self._turned(self.sizes), dim=-1))
        log_p = self.first.log_prob(parts[0])
        for link, given, part in zip(self.links, parts, parts[1:], strict=False):
            log_p = log_p + link(given).log_prob(part)
        return log_p

    def _turned(self, parts: Sequence[T]) -> list[T]:
        """Return what is in the order of the chain in that of z, or the other way round."""
        return list(reversed(parts)) if self.backwards else list(parts)
