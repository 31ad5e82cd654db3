"""Distributions that stand for what a user's method returned."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform

from genbench.core.estimate import UnusableError
from genbench.core.tensors import innermost

Shape = torch.Size | list[int] | tuple[int, ...]


class Arranged(Distribution):
    """A distribution with batch (N,) and some event, seen with other shapes of the same order."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  as torch declares it

    def __init__(self, base: Distribution, batch: torch.Size, event: torch.Size) -> None:
        self.base = base
        super().__init__(batch, event, validate_args=False)

    @property
    def support(self) -> Any:
        """That of the distribution itself."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """The mean in the new shapes."""
        return self.base.mean.reshape(self._extended_shape())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of ``value``, which is broadcast over the batch.

        A batch (K, 1) meets each of the values (B, ...), which gives (K, B).
        """
        own, event = self.base.batch_shape, self.base.event_shape
        if self.batch_shape[1:] == (1,) and len(value) > 1:
            return self.base.log_prob(value.reshape(len(value), 1, *event)).T
        whole = value.expand(self._extended_shape())
        return self.base.log_prob(whole.reshape(own + event)).reshape(self.batch_shape)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw in the new shapes."""
        shape = torch.Size(sample_shape)
        return self.base.sample(shape).reshape(self._extended_shape(shape))


def family(p: Distribution) -> Distribution:
    """Return the distribution of single numbers inside what treats or arranges many as one."""
    p = innermost(p)
    return family(p.base) if isinstance(p, Arranged) else p


class MeanOnly(Distribution):
    """What a method returned in place of a distribution, read as its mean; it has no density."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  as torch declares it

    def __init__(self, mean: Tensor, batch_ndim: int, refusal: UnusableError) -> None:
        self._mean, self.refusal = mean, refusal
        super().__init__(mean.shape[:batch_ndim], mean.shape[batch_ndim:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """What was returned."""
        return self._mean

    def log_prob(self, value: Tensor) -> Tensor:
        """Refuse: a mean alone has none."""
        raise self.refusal

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Return the mean: an image as it is, without noise."""
        return self._mean.expand(self._extended_shape(torch.Size(sample_shape)))


def on_device(tensor: Tensor, device: torch.device | None) -> Tensor:
    """Return a tensor on ``device``, if that is known, and one of floats with 32 bits or more."""
    wide = torch.promote_types(tensor.dtype, torch.float32)
    return tensor.to(device or tensor.device, wide if tensor.is_floating_point() else tensor.dtype)


def widened(value: Any, device: torch.device | None) -> Any:
    """Return a distribution on ``device`` with floats of 32 bits or more, itself where it is.

    Log probabilities of images in half precision are off by whole nats.
    """
    if isinstance(value, Tensor):
        return on_device(value, device)
    if isinstance(value, list | tuple):
        moved = [widened(part, device) for part in value]
        same = all(new is old for new, old in zip(moved, value, strict=True))
        return value if same else type(value)(moved)
    if not isinstance(value, Distribution | Transform):
        return value
    parts = {name: widened(part, device) for name, part in vars(value).items()}
    changed = {name: new for name, new in parts.items() if new is not vars(value)[name]}
    if not changed:
        return value
    another = copy.copy(value)
    vars(another).update(changed)
    return another


def close(a: Tensor, b: Tensor, rounding: float) -> bool:
    """Return whether tensors have one shape and differ by ``rounding`` of the largest at most."""
    size = float(b.detach().abs().max()) if b.numel() else 0.0
    return a.shape == b.shape and bool(((a - b).abs() <= rounding * size).all())


def parameters_of(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a distribution with their names."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from parameters_of(part, name)
    elif isinstance(value, Distribution | Transform):
        for name_of_part, part in vars(value).items():
            yield from parameters_of(part, name_of_part.lstrip("_"))
