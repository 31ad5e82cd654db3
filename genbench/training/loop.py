"""The training loop: one for every recipe.

Every random number is addressed: data order by (seed, epoch), noise by (seed, epoch). A resumed run
therefore needs no generator state and ends in the same bits as one that was never stopped.
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from genbench.core.errors import StorageError
from genbench.core.objective import Batch, Loss
from genbench.core.progress import progress as bar
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.training.checkpoint import (
    Progress,
    Weights,
    load_checkpoint,
    save_checkpoint,
    weights_of,
)
from genbench.training.config import TrainConfig
from genbench.training.schedule import learning_rate_factor
from genbench.training.update import Update

CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints, so that short epochs are not spent on the disk."""

VALIDATION_BLOCK = 500


class DivergedError(ArithmeticError):
    """A loss was not finite; the parameters are those of the last good step."""


class Guard:
    """Keeps a non-finite loss from the parameters without asking the device at each step.

    The flag lives on the device and is handed to the fused optimiser, which skips the step while it
    is set. It stays set, and is read when the epoch ends.
    """

    def __init__(self, device: torch.device) -> None:
        self.flag = torch.zeros((), device=device)
        self.step = torch.zeros((), dtype=torch.int64, device=device)

    def watch(self, value: Tensor, step: int) -> None:
        """Set the flag if ``value`` is not finite, and note the first such step."""
        bad = (~torch.isfinite(value.detach())).to(self.flag.dtype)
        self.step += ((self.flag == 0) & (bad > 0)) * step
        self.flag = torch.maximum(self.flag, bad)

    def require_finite(self, update: str) -> None:
        """Raise DivergedError if the flag is set; this waits for the device."""
        if self.flag.item():
            raise DivergedError(f"the loss of '{update}' is not finite at step {int(self.step)}")


@dataclass
class FitResult:
    """Trained weights and how they came about."""

    history: list[dict[str, float]]
    last: Weights
    best: Weights
    best_epoch: int
    seconds: float


@dataclass
class _Loop:
    """The state of one call of :func:`fit`."""

    model: nn.Module
    updates: Sequence[Update]
    data: Dataset
    config: TrainConfig
    stream: Stream
    optimizers: list[torch.optim.Adam] = field(init=False)
    guards: list[Guard] = field(init=False)
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.optimizers = [_adam(u, self.config) for u in self.updates]
        self.guards = [Guard(self.device) for _ in self.updates]
        n = self.data.size("train")
        self.batch_size = min(self.config.batch_size, n)
        self.n_batches = n // self.batch_size

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch; return the means of what the objectives logged.

        Data beyond the last whole batch of the epoch's order wait for another epoch.
        """
        self.model.train()
        order = torch.randperm(
            self.data.size("train"), generator=self.stream.child("order", epoch).generator()
        ).to(self.device)
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        with self.stream.child("noise", epoch).seeded():
            for i in range(self.n_batches):
                indices = order[i * self.batch_size : (i + 1) * self.batch_size]
                batch = Batch(*self.data.train_batch(indices), epoch + i / self.n_batches)
                self._step(batch, epoch * self.n_batches + i, sums)
        for update, guard in zip(self.updates, self.guards, strict=True):
            guard.require_finite(update.name)
        return {f"train.{k}": float(v) / self.n_batches for k, v in sums.items()}

    def _step(self, batch: Batch, step: int, sums: dict[str, Tensor]) -> None:
        factor = self.factor(step)
        for which, update in enumerate(self.updates):
            for _ in range(update.steps_per_batch):
                loss = self._optimise(which, batch, step, factor)
            for key, value in {"loss": loss.value, **loss.logged}.items():
                sums[f"{update.name}.{key}"] += value.detach()

    def _optimise(self, which: int, batch: Batch, step: int, factor: float) -> Loss:
        update, optimizer, guard = self.updates[which], self.optimizers[which], self.guards[which]
        loss = update.objective(self.model, batch)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.value, inputs=list(update.parameters))
        guard.watch(loss.value, step)
        if self.config.grad_clip is not None:
            guard.watch(clip_grad_norm_(update.parameters, self.config.grad_clip), step)
        rate = self.config.learning_rate * update.learning_rate_scale * factor
        optimizer.param_groups[0]["lr"] = rate
        optimizer.found_inf = guard.flag  # type: ignore[attr-defined]
        optimizer.step()
        return loss

    def factor(self, step: int) -> float:
        """Return the schedule's factor on the learning rate at a step."""
        total = self.config.epochs * self.n_batches
        return learning_rate_factor(self.config.schedule, step / total)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return each validating objective's mean over the validation split.

        The noise is the same at every epoch, so that epochs are compared on equal terms.
        """
        self.model.eval()
        x, y = self.data.held_out("validation")
        means: dict[str, float] = {}
        for update in (u for u in self.updates if u.validates):
            sums: dict[str, float] = defaultdict(float)
            with self.stream.child("validation").seeded():
                for block in torch.split(torch.arange(len(x), device=x.device), VALIDATION_BLOCK):
                    loss = update.objective(self.model, Batch(x[block], y[block], math.inf))
                    for key, value in {"loss": loss.value, **loss.logged}.items():
                        sums[key] += float(value) * len(block) / len(x)
            means |= {f"validation.{update.name}.{k}": v for k, v in sums.items()}
        return means


def _adam(update: Update, config: TrainConfig) -> torch.optim.Adam:
    return torch.optim.Adam(
        update.parameters,
        lr=config.learning_rate * update.learning_rate_scale,
        betas=update.betas,
        weight_decay=update.weight_decay,
        fused=True,
    )


def fit(
    model: nn.Module,
    updates: Sequence[Update],
    data: Dataset,
    config: TrainConfig,
    stream: Stream,
    checkpoint: Path,
    description: str = "train",
) -> FitResult:
    """Train ``model`` from the checkpoint if there is one, else from the start.

    Args:
        model: Already on its device, initialised from the run's seed.
        updates: Walked in order at each batch.
        data: Served from the device.
        config: Budget and schedule.
        stream: Source of data order and noise.
        checkpoint: Written at least ten seconds apart and after the last epoch.
        description: What the progress bar says.

    Raises:
        DivergedError: A loss is not finite; names the update and the step.
    """
    loop = _Loop(model, updates, data, config, stream)
    state = _resume(checkpoint, model, loop.optimizers)
    saved_at = time.monotonic()
    epochs = bar(range(state.epoch, config.epochs), description, "epoch", initial=state.epoch)
    for epoch in epochs:
        started = time.monotonic()
        means = loop.run_epoch(epoch) | loop.validate()
        _record(state, epoch, loop, means)
        state.seconds += time.monotonic() - started
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS or state.epoch == config.epochs:
            save_checkpoint(checkpoint, model, loop.optimizers, state)
            saved_at = time.monotonic()
    last = weights_of(model)
    best_epoch = state.best_epoch or state.epoch
    return FitResult(state.history, last, state.best or last, best_epoch, state.seconds)


def _resume(
    checkpoint: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> Progress:
    if not checkpoint.exists():
        return Progress()
    start = weights_of(model)
    try:
        return load_checkpoint(checkpoint, model, optimizers)
    except StorageError:  # damaged: the run starts again, from the same seed to the same numbers
        model.load_state_dict(start)
        for optimizer in optimizers:
            optimizer.state.clear()
        return Progress()


def _record(state: Progress, epoch: int, loop: _Loop, means: dict[str, float]) -> None:
    bad = next((key for key, value in means.items() if not math.isfinite(value)), None)
    if bad:
        raise DivergedError(f"{bad} is not finite after epoch {epoch + 1}")
    step = (epoch + 1) * loop.n_batches
    rate = loop.config.learning_rate * loop.factor(step - 1)
    state.history.append({"epoch": epoch + 1, "step": step, "learning_rate": rate, **means})
    state.epoch = epoch + 1
    score = next((v for k, v in means.items() if k.endswith(".loss") and "validation" in k), None)
    if score is not None and (state.best_score is None or score < state.best_score):
        state.best_score, state.best_epoch = score, state.epoch
        state.best = weights_of(loop.model)
