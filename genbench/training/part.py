"""The part of an epoch that was trained before an interruption, and how the rest goes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.core.seeding import Stream


@dataclass(frozen=True)
class Part:
    """The first steps of an epoch.

    Attributes:
        steps: Their number, at least 1.
        device: The type of device that took them.
        keys: What they logged.
        sums: Of what they logged, (len(keys),); (len(keys), S) of jointly trained members.
        generators: The states of what they drew from, by type of device.
    """

    steps: int
    device: str
    keys: tuple[str, ...]
    sums: Tensor
    generators: dict[str, Tensor]

    def restore(self, generators: Iterable[torch.Generator], device: torch.device) -> None:
        """Set generators to where the steps left them, on the same type of device."""
        for generator in generators:
            state = self.generators.get(generator.device.type)
            if state is not None and device.type == self.device:
                generator.set_state(state)


def part_of(
    steps: int, keys: Sequence[str], sums: Tensor | None, generators: Iterable[torch.Generator]
) -> Part | None:
    """Return the part of an epoch after some steps; None before the first."""
    if not steps or sums is None:
        return None
    states = {each.device.type: each.get_state() for each in generators}
    return Part(steps, sums.device.type, tuple(keys), sums, states)


def joined(parts: Sequence[Part]) -> Part:
    """Return the part of jointly trained members, without the states of their generators."""
    first = parts[0]
    sums = torch.stack([part.sums for part in parts], dim=1)
    return Part(first.steps, first.device, first.keys, sums, {})


def noise_of(stream: Stream, epoch: int, part: Part | None, device: torch.device) -> Stream:
    """Return the source of an epoch's noise.

    Another type of device cannot go on with the generators of a part: the rest has its own noise.
    """
    moved = (part.steps,) if part and part.device != device.type else ()
    return stream.child("noise", epoch, *moved)
