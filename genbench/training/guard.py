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
        self.bad_steps = torch.zeros(n_members, device=device)

    def begin(self) -> None:
        """Count bad steps from here."""
        self.bad_steps.zero_()

    def watch(self, value: Tensor) -> None:
        """Set the flag if a loss or gradient norm is not finite; call before optimising."""
        # Zero times the value is NaN if the value is not finite.
        self.flag.add_(value.detach(), alpha=0).nan_to_num_(nan=1.0)

    def count(self) -> None:
        """Count the step as bad if the flag is set."""
        self.bad_steps.add_(self.flag)

    def first_bad_steps(self, next_step: int) -> list[int | None]:
        """Return each member's first bad step before the next one; waits for the device."""
        bad = self.bad_steps.flatten().tolist()
        return [next_step - int(n) if n else None for n in bad]

    def tensors(self) -> list[Tensor]:
        """Return what a step changes."""
        return [self.flag, self.bad_steps]


def failures(guards: Sequence[Guard], next_step: int) -> list[DivergedError | None]:
    """Return each member's error, or None; it names the first bad step and its update."""
    errors = []
    for steps in zip(*(guard.first_bad_steps(next_step) for guard in guards), strict=True):
        bad = [(step, i) for i, step in enumerate(steps) if step is not None]
        step, i = min(bad, default=(0, 0))
        message = f"the loss of '{guards[i].update}' is not finite at step {step}"
        errors.append(DivergedError(message) if bad else None)
    return errors
