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
from genbench.training.guard import DivergedError as DivergedError
from genbench.training.guard import Guard
from genbench.training.optimizers import make_optimizer
from genbench.training.schedule import learning_rate_factor
from genbench.training.threads import flushed_denormals
from genbench.training.update import Update

CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints, so that short epochs are not spent on the disk."""

VALIDATION_BLOCK = 500


@dataclass
class FitResult:
    """Trained weights and how they came about."""

    history: list[dict[str, float]]
    last: Weights
    best: Weights
    best_epoch: int
    seconds: float


@dataclass
class Loop:
    """The state of one call of :func:`fit`; the benchmark times its epochs."""

    model: nn.Module
    updates: Sequence[Update]
    data: Dataset
    config: TrainConfig
    stream: Stream
    optimizers: list[torch.optim.Optimizer] = field(init=False)
    guards: list[Guard] = field(init=False)
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.optimizers = [make_optimizer(u, self.config) for u in self.updates]
        self.guards = [Guard(u.name, self.device) for u in self.updates]
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
        logged: dict[str, list[Tensor]] = defaultdict(list)
        with self.stream.child("noise", epoch).seeded():
            for i in range(self.n_batches):
                indices = order[i * self.batch_size : (i + 1) * self.batch_size]
                batch = Batch(*self.data.train_batch(indices), epoch + i / self.n_batches)
                self._step(batch, epoch * self.n_batches + i, logged)
        for guard in self.guards:
            guard.read()
        return {f"train.{k}": float(torch.stack(v).double().mean()) for k, v in logged.items()}

    def _step(self, batch: Batch, step: int, logged: dict[str, list[Tensor]]) -> None:
        factor = self.factor(step)
        for which, update in enumerate(self.updates):
            for _ in range(update.steps_per_batch):
                loss = self._optimise(which, batch, step, factor)
            for key, value in {"loss": loss.value, **loss.logged}.items():
                logged[f"{update.name}.{key}"].append(value.detach())

    def _optimise(self, which: int, batch: Batch, step: int, factor: float) -> Loss:
        update, optimizer, guard = self.updates[which], self.optimizers[which], self.guards[which]
        loss = update.objective(self.model, batch)
        for parameter in update.parameters:
            parameter.grad = None
        torch.autograd.backward(loss.value, inputs=list(update.parameters))
        guard.watch(loss.value, step)
        if self.config.grad_clip is not None:
            guard.watch(clip_grad_norm_(update.parameters, self.config.grad_clip), step)
        rate = self.config.learning_rate * update.learning_rate_scale * factor
        optimizer.param_groups[0]["lr"] = rate
        guard.attach(optimizer)
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
    loop = Loop(model, updates, data, config, stream)
    state = _resume(checkpoint, model, loop.optimizers)
    saved_at = time.monotonic()
    epochs = bar(range(state.epoch, config.epochs), description, "epoch", initial=state.epoch)
    for epoch in epochs:
        started = time.monotonic()
        with flushed_denormals():
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


def _record(state: Progress, epoch: int, loop: Loop, means: dict[str, float]) -> None:
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
