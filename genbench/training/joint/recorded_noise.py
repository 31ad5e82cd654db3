"""Moves random draws out of a function, so that one batched call can serve many members.

Models draw with ordinary torch calls from torch's default generator, while jointly trained members
have one generator each. The draws of a function are therefore recorded once (which call, which
shape), made outside it for each member in the same order, and passed in when it is called.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.overrides import TorchFunctionMode

N_LANES = 4
"""With so many, 5 and 16 seeds of a VAE train 3 % faster on an H100 than with one."""

Fill = Callable[..., object]
Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class _FillDropout:
    """Fills with the factors of dropout: 1 / (1 - p) with probability 1 - p, else 0."""

    p: float

    def __call__(self, tensor: Tensor, generator: torch.Generator) -> None:
        if generator.device.type == "cpu":
            tensor.bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)
            return
        # CUDA's dropout kernel has its own order of draws and takes no generator: let torch's own
        # share the member's state, which is allowed during a capture, and apply it to ones.
        shared = torch.cuda.default_generators[generator.device.index]
        own = shared.graphsafe_get_state()
        shared.graphsafe_set_state(generator.graphsafe_get_state())
        try:
            tensor.copy_(torch.native_dropout(torch.ones_like(tensor), self.p, True)[0])
        finally:
            shared.graphsafe_set_state(own)


@dataclass(frozen=True)
class RandomTensor:
    """One draw: how its tensor is filled, and its memory layout."""

    fill: Fill
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


class NoiseRecorder(TorchFunctionMode):
    """Records the draws of a function, in order, while it draws as usual."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[RandomTensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Arguments | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        fill = _fill_of(func, args, kwargs)
        if fill is not None:
            layout = (result.shape, result.stride(), result.dtype, result.device)
            self.draws.append(RandomTensor(fill, *layout))
        return result

    @property
    def numel(self) -> int:
        """Numbers drawn for one member."""
        return sum(draw.shape.numel() for draw in self.draws)

    def allocate(self, n_members: int) -> list[Tensor]:
        """Return memory for the draws of all members, each (S, ...)."""
        return [
            torch.empty_strided(
                (n_members, *d.shape), (d.shape.numel(), *d.stride), dtype=d.dtype, device=d.device
            )
            for d in self.draws
        ]

    def fill(self, tensors: Sequence[Tensor], generators: Sequence[torch.Generator]) -> None:
        """Draw for every member what the function would have drawn from the member's generator."""
        with lanes(generators[0].device) as lane:
            for member, generator in enumerate(generators):
                with lane(member):
                    for draw, tensor in zip(self.draws, tensors, strict=True):
                        draw.fill(tensor[member], generator=generator)


@contextmanager
def lanes(device: torch.device) -> Iterator[Callable[[int], AbstractContextManager[object]]]:
    """Yield a function that returns the i-th lane, a context.

    On a GPU, work in different lanes runs at the same time: a member's draws alone are too few to
    fill it. Lanes begin after all earlier work, and end before all later work.
    """
    if device.type != "cuda":
        yield lambda member: nullcontext()
        return
    current, streams = torch.cuda.current_stream(device), _streams(device)
    for stream in streams:
        stream.wait_stream(current)
    yield lambda member: torch.cuda.stream(streams[member % N_LANES])
    for stream in streams:
        current.wait_stream(stream)


@cache
def _streams(device: torch.device) -> list[torch.cuda.Stream]:
    return [torch.cuda.Stream(device) for _ in range(N_LANES)]  # type: ignore[no-untyped-call]


class NoiseReplay(TorchFunctionMode):
    """Answers a function's random calls with tensors that were drawn before."""

    def __init__(self, drawn: Sequence[Tensor]) -> None:
        super().__init__()
        self._drawn: Iterator[Tensor] = iter(drawn)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Arguments | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if _fill_of(func, args, kwargs) is None:
            return func(*args, **kwargs)
        return _CALLS[func][1](next(self._drawn), *args, **kwargs)


def _fill_of(func: Any, args: tuple[Any, ...], kwargs: Arguments) -> Fill | None:
    """Return how the tensor of a random call is filled, or None for unknown calls."""
    if func is dropout:
        p, training = _dropout_settings(*args, **kwargs)
        return _FillDropout(p) if training and 0 < p < 1 else None
    return _CALLS[func][0] if func in _CALLS else None


def _dropout_settings(
    input: Tensor,  # torch's own name: it may be passed as a keyword
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> tuple[float, bool]:
    return p, training


# What each call returns, given the tensor drawn for it and its arguments.


def _as_drawn(drawn: Tensor, *_: Any, **__: Any) -> Tensor:
    return drawn


def _normal_in_place(
    drawn: Tensor, target: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any
) -> Tensor:
    return drawn if (mean, std) == (0, 1) else drawn * std + mean


def _uniform_in_place(drawn: Tensor, target: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    return drawn if (low, high) == (0, 1) else drawn * (high - low) + low


def _normal(drawn: Tensor, mean: Any, std: Any = 1.0, *_: Any, **__: Any) -> Tensor:
    scaled: Tensor = drawn * std + mean
    return scaled.detach()  # torch.normal has no gradient in mean or std either


_CALLS: dict[Any, tuple[Fill | None, Callable[..., Tensor]]] = {
    torch.randn: (Tensor.normal_, _as_drawn),
    torch.randn_like: (Tensor.normal_, _as_drawn),
    torch.normal: (Tensor.normal_, _normal),
    Tensor.normal_: (Tensor.normal_, _normal_in_place),
    torch.rand: (Tensor.uniform_, _as_drawn),
    torch.rand_like: (Tensor.uniform_, _as_drawn),
    Tensor.uniform_: (Tensor.uniform_, _uniform_in_place),
    torch.bernoulli: (Tensor.uniform_, lambda drawn, p, *_, **__: (drawn < p).to(p.dtype)),
    # the fill of dropout depends on its arguments
    dropout: (None, lambda drawn, input, *_, **__: input * drawn),
}
"""Known random calls: how their tensor is filled, and what they return for it."""
