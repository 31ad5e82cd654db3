"""A function of one ensemble member, called for all members at once.

The first call is a rehearsal: the function is called for each member alone too, from the state of
its generator. Values and generators must agree, or the members are not trained together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from genbench.training.joint.recorded_noise import Player, Recorder, Tape

MOST_DRAWN = 2**22
"""Random numbers that are held at once; members beyond it are called one group after another."""

TOLERANCE = 1e-4
"""Largest relative difference of a value alone and together, in float32."""


class NotTogetherError(ValueError):
    """These runs cannot be trained as one computation; each can be trained alone."""


class Alone(NamedTuple):
    """What a call for one member drew, gave, and left its generator at."""

    tape: Tape
    value: Tensor
    state: Tensor


Function = Callable[..., tuple[Tensor, Any]]


class JointCall:
    """``function(setting, *arguments) -> (value, more)``, batched over a first dimension.

    Arguments are tensors, or dictionaries of tensors, whose first dimension is the member's;
    ``setting`` is the same for all. The function must not change its arguments. What it draws is
    drawn before the call, so that the call itself is a function of tensors.

    ``alone`` gives the value as training alone computes it, where ``function`` is written for many:
    inside ``torch.func.grad`` some of torch's random calls fill memory in another order.

    Attributes:
        drawn: What the members have drawn for the next call, each (S, ...).
    """

    def __init__(self, function: Function, alone: Callable[..., Tensor] | None = None) -> None:
        self._function = function
        self._value = alone or (lambda *arguments: function(*arguments)[0])
        self._tape: Tape | None = None
        self.drawn: list[Tensor] = []

    @property
    def ready(self) -> bool:
        """Whether the rehearsal was held."""
        return self._tape is not None

    def draw(self, generators: Sequence[torch.Generator]) -> None:
        """Draw for the next call; the generators move on as they would alone."""
        if self._tape:
            self._tape.play(self.drawn, generators)

    def __call__(self, setting: Any, *arguments: Any) -> tuple[Tensor, Any]:
        """Return value and more, stacked."""

        def one(drawn: list[Tensor], *of_member: Any) -> tuple[Tensor, Any]:
            with Player(drawn):
                return self._function(setting, *of_member)

        assert self._tape is not None
        n_members = len(next(iter(_tensors(arguments))))
        n_at_once = max(1, MOST_DRAWN // max(1, self._tape.numel))
        chunk = n_at_once if n_at_once < n_members else None
        batched = vmap(one, randomness="error", chunk_size=chunk)
        found: tuple[Tensor, Any] = batched(self.drawn, *arguments)
        return found

    def rehearse(
        self, generators: Sequence[torch.Generator], setting: Any, *arguments: Any
    ) -> None:
        """Record what a call draws, draw it, and compare each member alone with all together.

        Raises:
            NotTogetherError: They differ, or the function cannot be batched.
        """
        try:
            each = [
                self._alone(generator, setting, [_of(i, a) for a in arguments])
                for i, generator in enumerate(generators)
            ]
            self._tape = each[0].tape
            self.drawn = self._tape.blanks(len(generators))
            self.draw(generators)
            together, _ = self(setting, *arguments)
        except Exception as error:
            raise NotTogetherError(f"one call cannot serve all members: {error}") from error
        _require_agreement(each, together, generators)

    def _alone(self, generator: torch.Generator, setting: Any, arguments: Sequence[Any]) -> Alone:
        with _default_generator_at(generator) as state, Recorder() as recorder:
            value = self._value(setting, *arguments)
            return Alone(recorder.tape, value.detach(), state())


def _tensors(arguments: Sequence[Any]) -> Iterator[Tensor]:
    for argument in arguments:
        yield from argument.values() if isinstance(argument, Mapping) else (argument,)


def _of(member: int, argument: Any) -> Any:
    if isinstance(argument, Mapping):
        return {key: value[member].clone() for key, value in argument.items()}
    return argument[member].clone()


@contextmanager
def _default_generator_at(generator: torch.Generator) -> Iterator[Callable[[], Tensor]]:
    """Run a block with torch's generator at another's state; yield what reads that state."""
    device = generator.device
    if device.type == "cpu":
        with torch.random.fork_rng(devices=()):
            torch.set_rng_state(generator.get_state())
            yield torch.get_rng_state
        return
    with torch.random.fork_rng(devices=(device,), device_type=device.type):
        torch.cuda.set_rng_state(generator.get_state(), device)
        yield lambda: torch.cuda.get_rng_state(device)


def _require_agreement(
    each: Sequence[Alone], together: Tensor, generators: Sequence[torch.Generator]
) -> None:
    for alone, value, generator in zip(each, together, generators, strict=True):
        if not torch.equal(alone.state, generator.get_state()):
            raise NotTogetherError("they draw random numbers in a way that cannot be recorded")
        if alone.tape != each[0].tape or not torch.allclose(
            value, alone.value, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True
        ):
            raise NotTogetherError("a value of all members together is not that of one alone")
