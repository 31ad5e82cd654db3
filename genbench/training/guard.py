"""Keeps non-finite losses away from the parameters, without waiting for the device."""

from collections.abc import Sequence

import torch
from torch import Tensor


class DivergedError(ArithmeticError):
    """A loss was not finite; the parameters are those of the last good step."""


class Guard:
    """A flag on the device that is set once an update's loss is not finite.

    The fused optimiser skips its step while the flag is set. The flag is read at the end of the
    epoch: no step waits for the device, and every step is a function of tensors.

    Jointly trained members have one flag each. A diverged member continues with non-finite numbers,
    which do not affect the others.
    """

    def __init__(self, update: str, device: torch.device, *n_members: int) -> None:
        self.update = update
        self.flag = torch.zeros(n_members, device=device)
        self.good_steps = torch.zeros(n_members, device=device, dtype=torch.int64)

    def begin(self, step: int) -> None:
        """Set the number of the next step."""
        self.good_steps.fill_(step)

    def watch(self, value: Tensor) -> None:
        """Set the flag if a loss or gradient norm is not finite; call before optimising."""
        value = value.detach()
        bad = (value - value).ne(0)  # NaN if the value is not finite, else zero
        self.flag.copy_(torch.maximum(self.flag, bad))

    def count(self) -> None:
        """Count the step as good if the flag is not set."""
        self.good_steps.add_(self.flag.eq(0))

    def first_bad_steps(self) -> list[int | None]:
        """Return each member's first bad step, or None; waits for the device."""
        flags, steps = self.flag.flatten().tolist(), self.good_steps.flatten().tolist()
        return [step if flag else None for flag, step in zip(flags, steps, strict=True)]

    def tensors(self) -> list[Tensor]:
        """Return what a step changes."""
        return [self.flag, self.good_steps]


def failures(guards: Sequence[Guard]) -> list[DivergedError | None]:
    """Return each member's error, or None; it names the first bad step and its update."""
    errors = []
    for steps in zip(*(guard.first_bad_steps() for guard in guards), strict=True):
        bad = [(step, i) for i, step in enumerate(steps) if step is not None]
        step, i = min(bad, default=(0, 0))
        message = f"the loss of '{guards[i].update}' is not finite at step {step}"
        errors.append(DivergedError(message) if bad else None)
    return errors
