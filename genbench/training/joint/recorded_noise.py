"""Random draws taken out of a function, so that many calls of it can be made as one.

Models draw with ordinary torch calls from torch's own generator. Members of an ensemble have one
generator each, so their draws are recorded once (which call, which shape), made outside the
function for each member in the same order, and handed out inside it. Imports torch only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.overrides import TorchFunctionMode

Fill = Callable[[Tensor, torch.Generator], None]
Arguments = Mapping[str, Any]


def _fill_normal(blank: Tensor, generator: torch.Generator) -> None:
    blank.normal_(generator=generator)


def _fill_uniform(blank: Tensor, generator: torch.Generator) -> None:
    blank.uniform_(generator=generator)


@dataclass(frozen=True)
class _Keep:
    """Fills with the factors of dropout: 1 / (1 - p) with probability 1 - p, else 0."""

    p: float

    def __call__(self, blank: Tensor, generator: torch.Generator) -> None:
        if generator.device.type == "cpu":
            blank.bernoulli_(1 - self.p, generator=generator).div_(1 - self.p)
            return
        with torch.random.fork_rng([generator.device], device_type=generator.device.type):
            torch.cuda.set_rng_state(generator.get_state(), generator.device)
            blank.copy_(torch.native_dropout(torch.ones_like(blank), self.p, True)[0])
            generator.set_state(torch.cuda.get_rng_state(generator.device))


@dataclass(frozen=True)
class Draw:
    """One random tensor: how it is filled, and where it lies."""

    fill: Fill
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    def blank(self, n_members: int) -> Tensor:
        """Return room for one such tensor of each member, along a new first dimension."""
        shape, stride = (n_members, *self.shape), (self.shape.numel(), *self.stride)
        return torch.empty_strided(shape, stride, dtype=self.dtype, device=self.device)


@dataclass(frozen=True)
class Tape:
    """The draws of one call of a function, in order."""

    draws: tuple[Draw, ...]

    @property
    def numel(self) -> int:
        """Numbers drawn for one member."""
        return sum(draw.shape.numel() for draw in self.draws)

    def blanks(self, n_members: int) -> list[Tensor]:
        """Return room for what all members draw, each (S, ...)."""
        return [draw.blank(n_members) for draw in self.draws]

    def play(self, blanks: Sequence[Tensor], generators: Sequence[torch.Generator]) -> None:
        """Draw for every member what the function would have drawn."""
        for draw, blank in zip(self.draws, blanks, strict=True):
            for own, generator in zip(blank, generators, strict=True):
                draw.fill(own, generator)


class Recorder(TorchFunctionMode):
    """Lets a function draw as it does and writes down what it draws."""

    def __init__(self) -> None:
        super().__init__()
        self._draws: list[Draw] = []

    @property
    def tape(self) -> Tape:
        """What was drawn so far."""
        return Tape(tuple(self._draws))

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Arguments | None = None
    ) -> Any:
        kwargs = kwargs or {}
        answer = func(*args, **kwargs)
        fill = _fill_of(func, args, kwargs)
        if fill is not None:
            form = (answer.shape, answer.stride(), answer.dtype, answer.device)
            self._draws.append(Draw(fill, *form))
        return answer


class Player(TorchFunctionMode):
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
    """Return how the numbers of a call are drawn, or None where it draws none of a known kind."""
    if func is dropout:
        p, training = _dropout_settings(*args, **kwargs)
        return _Keep(p) if training and 0 < p < 1 else None
    return _CALLS[func][0] if func in _CALLS else None


def _dropout_settings(
    input: Tensor,  # torch's own name: it may come as a keyword
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> tuple[float, bool]:
    return p, training


def _as_drawn(drawn: Tensor, *_: Any, **__: Any) -> Tensor:
    return drawn


def _normal_in_place(
    drawn: Tensor, blank: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any
) -> Tensor:
    return drawn if (mean, std) == (0, 1) else drawn * std + mean


def _uniform_in_place(drawn: Tensor, blank: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    return drawn if (low, high) == (0, 1) else drawn * (high - low) + low


def _normal(drawn: Tensor, mean: Any, std: Any = 1.0, *_: Any, **__: Any) -> Tensor:
    scaled: Tensor = drawn * std + mean
    return scaled.detach()  # torch's own has no gradient in mean or std either


def _below(drawn: Tensor, p: Tensor, *_: Any, **__: Any) -> Tensor:
    return (drawn < p).to(p.dtype)


def _dropped(drawn: Tensor, input: Tensor, *_: Any, **__: Any) -> Tensor:
    return input * drawn


_CALLS: dict[Any, tuple[Fill | None, Callable[..., Tensor]]] = {
    torch.randn: (_fill_normal, _as_drawn),
    torch.randn_like: (_fill_normal, _as_drawn),
    torch.normal: (_fill_normal, _normal),
    torch.Tensor.normal_: (_fill_normal, _normal_in_place),
    torch.rand: (_fill_uniform, _as_drawn),
    torch.rand_like: (_fill_uniform, _as_drawn),
    torch.Tensor.uniform_: (_fill_uniform, _uniform_in_place),
    torch.bernoulli: (_fill_uniform, _below),
    dropout: (None, _dropped),  # filled as its arguments say
}
"""How each known call is filled, and what it answers once its numbers are there."""
