"""The training loop: one for every recipe.

Every random number is addressed: data order by (seed, epoch), noise by (seed, epoch). A resumed run
therefore needs no generator state and ends in the same bits as one that was never stopped.
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from genbench.core.errors import StorageError
from genbench.core.objective import Batch
from genbench.core.progress import progress as bar
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.training.capture import Runner
from genbench.training.checkpoint import (
    Progress,
    Weights,
    load_checkpoint,
    save_checkpoint,
    weights_of,
)
from genbench.training.config import TrainConfig
from genbench.training.guard import DivergedError as DivergedError
from genbench.training.schedule import learning_rate_factor
from genbench.training.step import Step
from genbench.training.threads import float32_products, flushed_denormals
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


class Loop:
    """The state of one call of :func:`fit`; the benchmark times its epochs."""

    def __init__(
        self,
        model: nn.Module,
        updates: Sequence[Update],
        data: Dataset,
        config: TrainConfig,
        stream: Stream,
    ) -> None:
        self.model = model
        self.updates = updates
        self.data = data
        self.config = config
        self.stream = stream
        n = data.size("train")
        self.batch_size = min(config.batch_size, n)
        self.n_batches = n // self.batch_size
        self.step = Step(model, updates, data, config)
        self.run_step = Runner(self.step, config.epochs * self.n_batches)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch; return the means of what the objectives logged.

        Data beyond the last whole batch of the epoch's order wait for another epoch. The device is
        waited for once, at the end.
        """
        self.model.train()
        order = torch.randperm(
            self.data.size("train"), generator=self.stream.child("order", epoch).generator()
        ).to(self.step.device)
        for guard in self.step.guards:
            guard.begin(epoch * self.n_batches)
        logged: Tensor | float = 0.0
        with self.stream.child("noise", epoch).seeded():
            batches = torch.split(order, self.batch_size)[: self.n_batches]
            for i, indices in enumerate(batches):
                self.step.set_rate(self.rate(epoch * self.n_batches + i))
                logged = self.run_step(indices, epoch + i / self.n_batches).double() + logged
        for guard in self.step.guards:
            guard.read()
        means = torch.as_tensor(logged).div(self.n_batches).tolist()
        return {f"train.{k}": v for k, v in zip(self.step.keys, means, strict=True)}

    def rate(self, step: int) -> float:
        """Return the learning rate at a step, before an update's scale."""
        progress = step / (self.config.epochs * self.n_batches)
        return self.config.learning_rate * learning_rate_factor(self.config.schedule, progress)

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
    state = _resume(checkpoint, model, loop.step.optimizers)
    saved_at = time.monotonic()
    epochs = bar(range(state.epoch, config.epochs), description, "epoch", initial=state.epoch)
    for epoch in epochs:
        started = time.monotonic()
        with flushed_denormals(), float32_products(tf32=config.tf32):
            means = loop.run_epoch(epoch) | loop.validate()
        _record(state, epoch, loop, means)
        state.seconds += time.monotonic() - started
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS or state.epoch == config.epochs:
            save_checkpoint(checkpoint, model, loop.step.optimizers, state)
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
    rate = loop.rate(step - 1)
    state.history.append({"epoch": epoch + 1, "step": step, "learning_rate": rate, **means})
    state.epoch = epoch + 1
    score = next((v for k, v in means.items() if k.endswith(".loss") and "validation" in k), None)
    if score is not None and (state.best_score is None or score < state.best_score):
        state.best_score, state.best_epoch = score, state.epoch
        state.best = weights_of(loop.model)
