"""Keeps losses that are not finite from the parameters, without waiting for the device."""

import torch
from torch import Tensor


class DivergedError(ArithmeticError):
    """A loss was not finite; the parameters are those of the last good step."""


class Guard:
    """A flag on the device that is set when an update's loss is not finite, and stays set.

    The fused optimiser skips its step while the flag is set. The flag is read when the epoch ends:
    no step waits for the device, and every step is a function of tensors.
    """

    def __init__(self, update: str, device: torch.device) -> None:
        self.update = update
        self.flag = torch.zeros((), device=device)
        self.good_steps = torch.zeros((), device=device, dtype=torch.int64)

    def begin(self, step: int) -> None:
        """Set the number of the step that comes next."""
        self.good_steps.fill_(step)

    def watch(self, value: Tensor) -> None:
        """Set the flag if a loss or gradient norm is not finite; before the optimiser's step."""
        value = value.detach()
        bad = (value - value).ne(0)  # NaN if the value is not finite, else zero
        self.flag.copy_(torch.maximum(self.flag, bad))

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the fused step depend on the flag."""
        optimizer.found_inf = self.flag  # type: ignore[attr-defined]

    def count(self) -> None:
        """Count the step as good if the flag is not set."""
        self.good_steps.add_(self.flag.eq(0))

    def read(self) -> None:
        """Read the flag; waits for the device.

        Raises:
            DivergedError: It is set; the error names the update and the first bad step.
        """
        if self.flag.item():
            raise self.error(int(self.good_steps))

    def error(self, step: int) -> DivergedError:
        """Return the error of a first bad step."""
        return DivergedError(f"the loss of '{self.update}' is not finite at step {step}")

    def tensors(self) -> list[Tensor]:
        """Return what a step changes."""
        return [self.flag, self.good_steps]
