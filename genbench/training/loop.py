"""The training loop: one for every recipe.

Data order and noise are pure functions of (seed, epoch): a checkpoint between epochs needs no state
of a generator. One made at an interruption, in the middle of an epoch, has it. A resumed run ends
exactly where an uninterrupted one does, bit for bit.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from genbench.core.errors import StorageError
from genbench.core.interrupts import Interrupts, noted_interrupts
from genbench.core.objective import Batch, Loss
from genbench.core.progress import progress as bar
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.training.capture import StepRecorder, generators_of
from genbench.training.checkpoint import (
    Progress,
    Weights,
    load_checkpoint,
    save_checkpoint,
    weights_of,
)
from genbench.training.config import TrainConfig
from genbench.training.convergence import Fall, block_size, compared_epochs, fall_between
from genbench.training.guard import DivergedError as DivergedError
from genbench.training.guard import failures
from genbench.training.part import Part, noise_of, part_of
from genbench.training.precision import products_in
from genbench.training.schedule import learning_rate_factor
from genbench.training.step import Inputs, Step
from genbench.training.threads import flushed_denormals
from genbench.training.update import Update

CHECKPOINT_SECONDS = 10.0
"""Minimum time between two checkpoints, so that short epochs are not spent writing to disk."""

VALIDATION_BLOCK = 500


@dataclass
class FitResult:
    """Trained weights and the training history.

    ``fall`` is that of the validation loss over the last tenth of training, None without such a
    loss; ``not_recorded`` says why steps on a GPU were taken one by one, which is slow.
    """

    history: list[dict[str, float]]
    last: Weights
    best: Weights
    best_epoch: int
    seconds: float
    fall: Fall | None = None
    not_recorded: str = ""


@dataclass(eq=False)
class Loop:
    """The training of one run; ``bench`` times its epochs.

    Attributes:
        model: Already on its device, initialised from the run's seed.
        updates: Applied in order to each batch.
        data: Served from the device.
        config: Budget and schedule.
        stream: Source of data order and noise.
        checkpoint: File for the whole state; None for no checkpoints.
        progress: How far training has come.
        interrupts: Signals that ask to stop, polled between steps.
    """

    model: nn.Module
    updates: Sequence[Update]
    data: Dataset
    config: TrainConfig
    stream: Stream
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Progress, init=False)
    interrupts: Interrupts = field(default_factory=Interrupts, init=False)

    def __post_init__(self) -> None:
        n = self.data.size("train")
        self.batch_size = min(self.config.batch_size, n)
        self.n_batches = n // self.batch_size
        self.step = Step(self.model, self.updates, self.data, self.config)
        self.run_steps = StepRecorder(self.step, self.config.epochs * self.n_batches)
        self._counted_at = time.monotonic()

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Train for one epoch, or the rest of one; return the means of what the objectives logged.

        An incomplete last batch is left out of this epoch. The loop waits for the device
        once, at the end.
        """
        self.model.train()
        for guard in self.step.guards:
            guard.begin()
        part, device = self.progress.take_part(), self.step.device
        with noise_of(self.stream, epoch, part, device).seeded():
            if part:
                part.restore(generators_of(self.step), device)
                self.step.keys = part.keys
            sums = self.run_steps(self.inputs(epoch).to(device), part, self.pause)
        for error in filter(None, failures(self.step.guards, (epoch + 1) * self.n_batches)):
            raise error
        means = sums.div(self.n_batches).tolist()
        return {f"train.{k}": v for k, v in zip(self.step.keys, means, strict=True)}

    def inputs(self, epoch: int) -> Inputs:
        """Return what each step of an epoch reads, on the CPU."""
        n = self.n_batches
        indices = self.order(epoch)[: n * self.batch_size].view(n, self.batch_size)
        progress = [epoch + i / n for i in range(n)]
        scales = [update.learning_rate_scale for update in self.updates]
        rates = [[self.rate(epoch * n + i) * scale for scale in scales] for i in range(n)]
        wide = torch.float64
        return Inputs(indices, torch.tensor(progress, dtype=wide), torch.tensor(rates, dtype=wide))

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
        """Return the means over the validation split of what validating objectives log.

        The noise is the same at every epoch, so epochs can be compared.
        """
        self.model.eval()
        n = self.data.size("validation")
        means: dict[str, float] = {}
        for update in (u for u in self.updates if u.validates):
            sums: dict[str, float] = defaultdict(float)
            for size, loss in self.losses_of_blocks(update, VALIDATION_BLOCK):
                for key, value in {"loss": loss.value, **loss.logged}.items():
                    sums[key] += float(value) * size / n
            means |= {f"validation.{update.name}.{k}": v for k, v in sums.items()}
        return means

    def losses_of_blocks(self, update: Update, size: int) -> list[tuple[int, Loss]]:
        """Return the size and the loss of each block of the validation data, in eval mode.

        Every term has its full weight, also during the warm-up of the KL.
        """
        x, y = self.data.held_out("validation")
        losses: list[tuple[int, Loss]] = []
        with self.stream.child("validation").seeded():
            for block in zip(torch.split(x, size), torch.split(y, size), strict=True):
                self.pause(self.n_batches)
                loss = update.objective(self.model, Batch(*block, math.inf))
                losses.append((len(block[0]), loss))
        return losses

    @torch.no_grad()
    def compared_losses(self, epoch: int) -> list[list[float]]:
        """Return the validation losses of blocks, if the epoch tells whether training converged."""
        size = block_size(self.data.size("validation"), VALIDATION_BLOCK)
        if epoch not in compared_epochs(self.config.epochs) or not size:
            return []
        scored = [update for update in self.updates if update.validates][:1]
        each = (self.losses_of_blocks(update, size) for update in scored)
        return [[float(loss.value) for _, loss in losses] for losses in each]

    def resume(self) -> None:
        """Restore the state of the checkpoint, if there is one.

        A damaged checkpoint is ignored: the run starts again and gives the same numbers.
        """
        if self.checkpoint is None or not self.checkpoint.is_file():
            return
        start = weights_of(self.model)
        try:
            progress = load_checkpoint(self.checkpoint, self.model, self.step.optimizers)
            progress.require_within(self.config.epochs, self.n_batches)
            self.progress = progress
        except StorageError:
            self.model.load_state_dict(start)
            for optimizer in self.step.optimizers:
                optimizer.state.clear()

    def save(self, part: Part | None = None) -> None:
        """Write the checkpoint, in an epoch with the part that was trained of it."""
        if self.checkpoint:
            progress = replace(self.progress, part=part)
            save_checkpoint(self.checkpoint, self.model, self.step.optimizers, progress)

    def pause(self, steps: int) -> None:
        """Between steps: if a signal asks to stop, save the epoch in progress, and stop."""
        self.interrupts.poll(lambda: self.save_part(steps))

    def save_part(self, steps: int) -> None:
        """Write a checkpoint after some steps of an epoch, unless a loss was not finite."""
        self.count_seconds()
        if any(failures(self.step.guards, steps)):
            return
        generators = generators_of(self.step)
        self.save(part_of(steps, self.step.keys, self.run_steps.sums, generators))

    def record_epoch(self, means: dict[str, float]) -> None:
        """Add an epoch to the history, and keep the weights if its validation loss is the lowest.

        Raises:
            DivergedError: A mean is not finite.
        """
        progress = self.progress
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

    def train_epoch(self, epoch: int) -> None:
        """Train for one epoch, validate, and record both."""
        self._counted_at = time.monotonic()
        means = self.run_epoch(epoch) | self.validate()
        compared = self.compared_losses(epoch + 1)
        self.record_epoch(means)
        self.progress.add_compared(compared)
        self.count_seconds()

    def count_seconds(self) -> None:
        """Add the time since the epoch began, or since it was last counted."""
        now = time.monotonic()
        self.progress.seconds += now - self._counted_at
        self._counted_at = now

    def result(self) -> FitResult:
        """Return the result; without a validation loss, the last weights count as the best."""
        progress, last = self.progress, weights_of(self.model)
        best, best_epoch = progress.best or last, progress.best_epoch or progress.epoch
        how = progress.seconds, fall_between(progress.compared), self.run_steps.not_recorded
        return FitResult(progress.history, last, best, best_epoch, *how)


def _is_validation_loss(key: str) -> bool:
    return key.startswith("validation.") and key.endswith(".loss")


def fit(loop: Loop, description: str = "train") -> FitResult:
    """Train from the checkpoint if there is one, else from the start.

    Args:
        loop: Its checkpoint is written at most every ten seconds, after the last epoch, and before
            SIGINT or SIGTERM ends training.
        description: Label of the progress bar.

    Raises:
        DivergedError: A loss is not finite; the error names the update and the step.
    """
    loop.resume()
    start = loop.progress.epoch
    with noted_interrupts() as loop.interrupts:
        train_epochs(start, loop.config, description, loop.train_epoch, loop.save)
    return loop.result()


def train_epochs(
    start: int,
    config: TrainConfig,
    description: str,
    train_epoch: Callable[[int], None],
    save: Callable[[], None],
) -> None:
    """Train and save from an epoch on."""
    saved_at = time.monotonic()
    for epoch in bar(range(start, config.epochs), description, "epoch", initial=start):
        with flushed_denormals(), products_in("float32"):
            train_epoch(epoch)
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS or epoch + 1 == config.epochs:
            save()
            saved_at = time.monotonic()
