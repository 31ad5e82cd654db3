"""The training loop: one for every recipe.

Data order and noise are pure functions of (seed, epoch). A resumed run therefore needs no generator
state, and ends bit for bit where an uninterrupted one does.
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
from genbench.training.capture import StepRecorder
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
"""Least time between two checkpoints, so that short epochs are not spent writing to disk."""

VALIDATION_BLOCK = 500


@dataclass
class FitResult:
    """Trained weights, and the history of their training."""

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
        self.run_step = StepRecorder(self.step, config.epochs * self.n_batches)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch; return the means of what the objectives logged.

        Data after the last whole batch are left out of this epoch. The loop waits for the device
        once, at the end.
        """
        self.model.train()
        order = self.order(epoch).to(self.step.device)
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

    def order(self, epoch: int) -> Tensor:
        """Return the order in which an epoch serves the training data, (n,) int64, on the CPU."""
        generator = self.stream.child("order", epoch).generator()
        return torch.randperm(self.data.size("train"), generator=generator)

    def rate(self, step: int) -> float:
        """Return the learning rate at a step, without an update's scale."""
        progress = step / (self.config.epochs * self.n_batches)
        return self.config.learning_rate * learning_rate_factor(self.config.schedule, progress)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the means, over the validation split, of what validating objectives log.

        The noise is the same at every epoch, so that epochs can be compared.
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

    def resume(self, checkpoint: Path) -> Progress:
        """Restore the state of a checkpoint and return its progress; a new one if there is none.

        A damaged checkpoint counts as none: the run starts again, from the same seed to the same
        numbers.
        """
        if not checkpoint.exists():
            return Progress()
        start = weights_of(self.model)
        try:
            return load_checkpoint(checkpoint, self.model, self.step.optimizers)
        except StorageError:
            self.model.load_state_dict(start)
            for optimizer in self.step.optimizers:
                optimizer.state.clear()
            return Progress()

    def record_epoch(self, progress: Progress, means: dict[str, float]) -> None:
        """Add an epoch to the history, and keep the weights if its validation loss is the lowest.

        Raises:
            DivergedError: A mean is not finite.
        """
        bad = next((key for key, value in means.items() if not math.isfinite(value)), None)
        if bad:
            raise DivergedError(f"{bad} is not finite after epoch {progress.epoch + 1}")
        progress.epoch += 1
        step = progress.epoch * self.n_batches
        row = {"epoch": progress.epoch, "step": step, "learning_rate": self.rate(step - 1)}
        progress.history.append({**row, **means})
        score = next((v for k, v in means.items() if _is_validation_loss(k)), None)
        if score is not None and (progress.best_score is None or score < progress.best_score):
            progress.best_score, progress.best_epoch = score, progress.epoch
            progress.best = weights_of(self.model)

    def result(self, progress: Progress) -> FitResult:
        """Return what training gave; without a validation loss, the last weights are the best."""
        last = weights_of(self.model)
        best, best_epoch = progress.best or last, progress.best_epoch or progress.epoch
        return FitResult(progress.history, last, best, best_epoch, progress.seconds)


def _is_validation_loss(key: str) -> bool:
    return key.startswith("validation.") and key.endswith(".loss")


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
        updates: Applied in order to each batch.
        data: Served from the device.
        config: Budget and schedule.
        stream: Source of data order and noise.
        checkpoint: Written at most every ten seconds, and after the last epoch.
        description: Label of the progress bar.

    Raises:
        DivergedError: A loss is not finite; the error names the update and the step.
    """
    loop = Loop(model, updates, data, config, stream)
    progress = loop.resume(checkpoint)
    start, saved_at = progress.epoch, time.monotonic()
    for epoch in bar(range(start, config.epochs), description, "epoch", initial=start):
        started = time.monotonic()
        with flushed_denormals(), float32_products(tf32=config.tf32):
            means = loop.run_epoch(epoch) | loop.validate()
        loop.record_epoch(progress, means)
        progress.seconds += time.monotonic() - started
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS or progress.epoch == config.epochs:
            save_checkpoint(checkpoint, model, loop.step.optimizers, progress)
            saved_at = time.monotonic()
    return loop.result(progress)
