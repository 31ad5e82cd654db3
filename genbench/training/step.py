"""One training step as a function of tensors: repeated by the loop, recorded by capture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from genbench.core.devices import widest
from genbench.core.objective import Batch, Loss
from genbench.data import Dataset
from genbench.training.config import TrainConfig
from genbench.training.guard import Guard
from genbench.training.optimizers import (
    in_layout_of,
    make_optimizer,
    optimizer_tensors,
    rate_dtype,
    set_rate,
)
from genbench.training.precision import products_in
from genbench.training.update import Update


class Inputs(NamedTuple):
    """What steps read besides the data, one row for each step.

    Attributes:
        indices: Training data of each batch, (n, B) int64; of each member's batch, (n, S, B).
        epoch: Progress of training in epochs, (n,) float64.
        rates: Learning rate of each update, (n, U).
    """

    indices: Tensor
    epoch: Tensor
    rates: Tensor

    def to(self, device: torch.device) -> "Inputs":
        """Return them on a device, rates as its optimisers read them."""
        rates = self.rates.to(rate_dtype(device)).to(device)
        return Inputs(self.indices.to(device), self.epoch.to(widest(device)).to(device), rates)

    def windows(self, n: int, start: int = 0) -> Iterator[tuple[int, "Inputs"]]:
        """Return the inputs of ``n`` steps at a time, with the number of steps before them."""
        before = range(start, len(self.epoch), n)  # empty if none are left; a split is not
        windows = map(Inputs, *(torch.split(table[start:], n) for table in self))
        return zip(before, windows, strict=False)

    def rows(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Return the arguments of each step."""
        return zip(*self, strict=True)


@dataclass(eq=False)
class Step:
    """Every update on one batch. It never reads a tensor's value, so never waits for the device.

    Attributes:
        device: Device of parameters and data.
        optimizers: One per update.
        guards: One per update.
        generators: What it draws from besides torch's own generators: nothing.
        keys: What the objectives log, in the order of the values that a call returns.
    """

    model: nn.Module
    updates: Sequence[Update]
    data: Dataset
    config: TrainConfig

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.optimizers = [make_optimizer(u, self.config) for u in self.updates]
        self.guards = [Guard(u.name, self.device) for u in self.updates]
        for optimizer, guard in zip(self.optimizers, self.guards, strict=True):
            optimizer.found_inf = guard.flag  # type: ignore[attr-defined]
        self.generators: Sequence[torch.Generator] = ()
        self.keys: tuple[str, ...] = ()

    def draw(self) -> None:
        """Draw what a step needs and does not draw itself: nothing."""

    def __call__(
        self, indices: Tensor, epoch: float | Tensor, rates: Tensor | None = None
    ) -> Tensor:
        """Take the step and return what was logged, (len(keys),).

        Args:
            indices: Training data of the batch, (B,) int64, on the data's device.
            epoch: Progress of training in epochs.
            rates: Learning rate of each update, (U,); None keeps those of the step before.
        """
        if rates is not None:
            for optimizer, rate in zip(self.optimizers, rates, strict=True):
                set_rate(optimizer, rate)
        batch = Batch(*self.data.train_batch(indices), epoch, indices)
        logged: dict[str, Tensor] = {}
        for which, update in enumerate(self.updates):
            for _ in range(update.steps_per_batch):
                loss = self._optimise(which, batch)
            for key, value in {"loss": loss.value, **loss.logged}.items():
                logged[f"{update.name}.{key}"] = value.detach()
        for guard in self.guards:
            guard.count()
        self.keys = tuple(logged)
        return torch.stack(list(logged.values()))

    def _optimise(self, which: int, batch: Batch) -> Loss:
        update, guard = self.updates[which], self.guards[which]
        with products_in(self.config.precision):
            loss = update.objective(self.model, batch)
            gradients = torch.autograd.grad(loss.value, update.parameters, allow_unused=True)
        for parameter, gradient in zip(update.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else in_layout_of(parameter, gradient)
        guard.watch(loss.value)
        if self.config.grad_clip is not None:
            guard.watch(clip_grad_norm_(update.parameters, self.config.grad_clip))
        self.optimizers[which].step()
        return loss

    def tensors(self) -> list[Tensor]:
        """Return every tensor, apart from the data, that steps read and that changes."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        for optimizer, guard in zip(self.optimizers, self.guards, strict=True):
            tensors += [*optimizer_tensors(optimizer), *guard.tensors()]
        return tensors
