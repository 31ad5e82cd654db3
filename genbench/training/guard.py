"""Keeps losses that are not finite from the parameters."""

import math

import torch
from torch import Tensor


class DivergedError(ArithmeticError):
    """A loss was not finite; the parameters are those of the last good step."""


class Guard:
    """Keeps a non-finite loss from the parameters.

    On a processor each value is looked at before the step. On a GPU that would wait for the
    device, so the flag lives there: the fused optimiser skips the step while it is set, it stays
    set, and it is read when the epoch ends.
    """

    def __init__(self, update: str, device: torch.device) -> None:
        self.update = update
        self.waits = device.type != "cpu"
        self.flag = torch.zeros((), device=device)
        self.step = torch.zeros((), dtype=torch.int64, device=device)

    def watch(self, value: Tensor, step: int) -> None:
        """Look at a loss or gradient norm before the optimiser's step.

        Raises:
            DivergedError: On a processor, at once.
        """
        if not self.waits:
            if not math.isfinite(value.item()):
                raise DivergedError(f"the loss of '{self.update}' is not finite at step {step}")
            return
        bad = (~torch.isfinite(value.detach())).to(self.flag.dtype)
        self.step += ((self.flag == 0) & (bad > 0)) * step
        self.flag = torch.maximum(self.flag, bad)

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the fused step depend on the flag."""
        if self.waits:
            optimizer.found_inf = self.flag  # type: ignore[attr-defined]

    def read(self) -> None:
        """Raise DivergedError if the flag is set; on a GPU this waits for the device."""
        if self.waits and self.flag.item():
            raise DivergedError(
                f"the loss of '{self.update}' is not finite at step {int(self.step)}"
            )
