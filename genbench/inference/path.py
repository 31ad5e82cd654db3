"""A path of densities between two known ones, and its gradient.

f_beta(z) = start(z) ratio(z)^beta with ratio = joint / start leads from ``start`` (beta = 0) to
``joint`` (beta = 1); neither needs to be normalised. Written with the ratio, the weights of
annealed importance sampling suffer no cancellation: for start = p(z), ratio is p(x given z).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbench.inference.memory import keep_freed_memory

LogDensities = Callable[[Tensor], tuple[Tensor, Tensor]]
"""z (C, B, D) -> log start(z) and log ratio(z), each (C, B) in nats."""

MEMORY_LIMIT = 512 * 2**20
"""Memory limit in bytes of an automatically chosen chunk."""

DEVICE_MEMORY_LIMIT = 2**31
"""The same on an accelerator, which needs large pieces."""


InverseTemperature = float | Tensor
"""A number, or on a CUDA GPU a tensor () that a graph reads."""


class State(NamedTuple):
    """The positions of all chains, with the densities and gradients there.

    ``z`` (C, B, D); ``log_start`` and ``log_ratio`` (C, B) float64; their gradients (C, B, D).
    """

    z: Tensor
    log_start: Tensor
    log_ratio: Tensor
    grad_start: Tensor
    grad_ratio: Tensor

    def log_density(self, beta: InverseTemperature) -> Tensor:
        """Return log f_beta(z), (C, B)."""
        return self.log_start + beta * self.log_ratio

    def gradient(self, beta: InverseTemperature) -> Tensor:
        """Return the gradient of log f_beta at z, (C, B, D)."""
        if isinstance(beta, Tensor):
            return self.grad_start + beta * self.grad_ratio
        return torch.add(self.grad_start, self.grad_ratio, alpha=beta)

    def where(self, accepted: Tensor, other: "State") -> "State":
        """Return this state where ``accepted`` (C, B) is true, ``other`` elsewhere."""
        wide = accepted.unsqueeze(-1)
        pairs = zip(self, other, strict=True)
        return State(*(torch.where(wide if a.ndim == 3 else accepted, a, b) for a, b in pairs))


class Path:
    """The densities f_beta and their gradients with respect to z alone.

    Model parameters get no gradient. Works inside ``torch.no_grad()``.

    Args:
        log_densities: See :data:`LogDensities`.
        chunk: Chains evaluated at once, to bound the memory; by default all of them.
    """

    def __init__(self, log_densities: LogDensities, chunk: int | None = None) -> None:
        keep_freed_memory()
        self._log_densities = log_densities
        self._chunk = chunk

    def at(self, z: Tensor) -> State:
        """Evaluate both densities and both gradients at z (C, B, D)."""
        return State(z, *self._in_chunks(self._values_and_gradients, z))

    def gradient(self, z: Tensor, beta: InverseTemperature) -> Tensor:
        """Return the gradient of log f_beta at z, (C, B, D), by one backward pass."""
        (gradient,) = self._in_chunks(lambda piece: (self._gradient(piece, beta),), z)
        return gradient

    def _in_chunks(
        self, function: Callable[[Tensor], tuple[Tensor, ...]], z: Tensor
    ) -> tuple[Tensor, ...]:
        if self._chunk is None or self._chunk >= len(z):
            return function(z)
        pieces = [function(piece) for piece in torch.split(z, self._chunk)]
        return tuple(torch.cat(column) for column in zip(*pieces, strict=True))

    def _values_and_gradients(self, z: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_start, log_ratio = self._log_densities(z)
        grad_start = _gradient_of([log_start], z, keep=True)
        grad_ratio = _gradient_of([log_ratio], z)
        return log_start.detach().double(), log_ratio.detach().double(), grad_start, grad_ratio

    def _gradient(self, z: Tensor, beta: InverseTemperature) -> Tensor:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_start, log_ratio = self._log_densities(z)
            return _gradient_of([log_start, beta * log_ratio], z)


def _gradient_of(values: Sequence[Tensor], z: Tensor, *, keep: bool = False) -> Tensor:
    """Return the gradient of the sum of ``values`` in z; zero if none depends on z."""
    dependent = [v for v in values if v.requires_grad]
    if not dependent:
        return torch.zeros_like(z)
    with torch.enable_grad():
        sums = [v.sum() for v in dependent]
    (gradient,) = torch.autograd.grad(sums, z, retain_graph=keep, materialize_grads=True)
    return gradient


def chunk_within_memory(
    log_densities: LogDensities, z: Tensor, limit: int | None = None
) -> int | None:
    """Choose how many chains of z (C, B, D) to evaluate at once; None if all of them fit.

    Counts the bytes that automatic differentiation stores for one chain, doubled for the backward
    pass. Without a ``limit`` in bytes, that of the device is used.
    """
    if len(z) == 1:
        return None
    if limit is None:
        limit = MEMORY_LIMIT if z.device.type == "cpu" else DEVICE_MEMORY_LIMIT
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Any:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
    with torch.enable_grad(), hooks:
        log_densities(z[:1].detach().requires_grad_())
    chunk = max(1, limit // max(1, 2 * sum(kept.values())))
    return chunk if chunk < len(z) else None
