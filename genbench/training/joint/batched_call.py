"""A function of one member, called for all members at once.

The first call is traced: the function is also called for each member alone, from the state of its
generator. Values and generators must agree, or the members cannot be trained jointly.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from genbench.training.joint.recorded_noise import NoiseRecorder, NoiseReplay

MAX_DRAWN = 2**22
"""Maximum of random numbers held at once; beyond it, members are called in groups."""

VALUE_TOLERANCE = 1e-4
"""Largest relative difference between a value computed alone and jointly, in float32."""


class IncompatibleError(ValueError):
    """These runs cannot be trained as one computation; each can be trained alone."""


class SingleCall(NamedTuple):
    """A call for one member alone: its draws, its value, and the state of the generator after."""

    noise: NoiseRecorder
    value: Tensor
    state: Tensor


class BatchedCall:
    """``function(setting, *arguments) -> (value, more)``, batched over a first dimension.

    Arguments are tensors, or dictionaries of tensors, whose first dimension runs over members;
    ``setting`` is the same for all. The function must not change its arguments. Its random numbers
    are drawn before the call, so that the call itself is a function of tensors.

    Attributes:
        drawn: The random numbers of all members for the next call, each (S, ...).
    """

    def __init__(self, function: Callable[..., tuple[Tensor, Any]]) -> None:
        self._function = function
        self._noise: NoiseRecorder | None = None
        self._generators: Sequence[torch.Generator] = ()
        self.drawn: list[Tensor] = []

    def draw(self, generators: Sequence[torch.Generator]) -> None:
        """Draw for the next call; the generators advance as they would alone.

        Does nothing before the first call, which records what is drawn and draws for itself.
        """
        self._generators = generators
        if self._noise:
            self._noise.fill(self.drawn, generators)

    def __call__(self, setting: Any, *arguments: Any) -> tuple[Tensor, Any]:
        """Return value and more, stacked over members.

        Raises:
            IncompatibleError: In the first call: the function cannot be batched, or a member's
                value differs from the one computed alone.
        """
        if self._noise is None:
            return self._trace(setting, *arguments)

        def one(drawn: list[Tensor], *of_member: Any) -> tuple[Tensor, Any]:
            with NoiseReplay(drawn):
                return self._function(setting, *of_member)

        n_members = len(self._generators)
        n_at_once = max(1, MAX_DRAWN // max(1, self._noise.numel))
        chunk = n_at_once if n_at_once < n_members else None
        batched = vmap(one, randomness="error", chunk_size=chunk)
        result: tuple[Tensor, Any] = batched(self.drawn, *arguments)
        return result

    def _trace(self, setting: Any, *arguments: Any) -> tuple[Tensor, Any]:
        """Record what a call draws, draw it, and compare each member alone with all jointly."""
        generators = self._generators
        try:
            each = [
                self._alone(generator, setting, [_of_member(i, a) for a in arguments])
                for i, generator in enumerate(generators)
            ]
            self._noise = each[0].noise
            self.drawn = self._noise.allocate(len(generators))
            self.draw(generators)
            values, more = self(setting, *arguments)
        except Exception as error:
            raise IncompatibleError(f"the members cannot be batched: {error}") from error
        _require_agreement(each, values, generators)
        return values, more

    def _alone(
        self, generator: torch.Generator, setting: Any, arguments: Sequence[Any]
    ) -> SingleCall:
        with _default_generator_at(generator) as state, NoiseRecorder() as recorder:
            value, _ = self._function(setting, *arguments)
            return SingleCall(recorder, value.detach(), state())


def _of_member(member: int, argument: Any) -> Any:
    if isinstance(argument, Mapping):
        return {key: value[member].clone() for key, value in argument.items()}
    return argument[member].clone()


@contextmanager
def _default_generator_at(generator: torch.Generator) -> Iterator[Callable[[], Tensor]]:
    """Run a block with torch's generator at another's state; yield a function that reads it."""
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
    each: Sequence[SingleCall], values: Tensor, generators: Sequence[torch.Generator]
) -> None:
    for alone, value, generator in zip(each, values, generators, strict=True):
        if not torch.equal(alone.state, generator.get_state()):
            raise IncompatibleError("the model draws random numbers that cannot be recorded")
        if alone.noise.draws != each[0].noise.draws or not torch.allclose(
            value, alone.value, rtol=VALUE_TOLERANCE, atol=VALUE_TOLERANCE, equal_nan=True
        ):
            raise IncompatibleError("a value computed jointly differs from the one computed alone")
