"""The training loop of many runs of one recipe, as one batched computation.

Member i has its own initialisation, data order and noise, all from its own seed, and ends where the
same run trained alone ends, except for the order of additions in matrix products: each step agrees
up to a few float32 roundings, which then grow during training. History, choice of the best epoch
and checkpoints are those of :mod:`genbench.training.loop`.

Not supported: models that draw in other ways than ``randn``, ``rand``, ``normal``, dropout and
their variants, models that branch on values, and members that differ in more than tensors, learning
rates and fields of objectives marked ``per_member``. All are detected before the first step; such
runs are trained alone. The gradient of a bias followed by batch norm is only rounding error, which
Adam follows: such biases have no effect, but differ visibly from those of a run trained alone.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from genbench.core.interrupts import Interrupts, noted_interrupts
from genbench.core.seeding import Stream
from genbench.training.capture import StepRecorder
from genbench.training.checkpoint import Position
from genbench.training.convergence import block_size, compared_epochs
from genbench.training.guard import DivergedError, failures
from genbench.training.joint.batched_call import IncompatibleError
from genbench.training.joint.compatible import compatible_groups
from genbench.training.joint.stacked_parameters import Tensors
from genbench.training.joint.step import JointStep, JointUpdate
from genbench.training.loop import VALIDATION_BLOCK, FitResult, Loop, fit, train_epochs
from genbench.training.part import Part, joined, noise_of, part_of
from genbench.training.step import Inputs, Step

Means = list[dict[str, float]]
"""One dictionary of means for each member."""

FitOutcome = FitResult | DivergedError


class JointLoop:
    """S jointly trained runs that start at the same step; the counterpart of ``Loop``.

    Attributes:
        failed: The errors of members that have diverged, by member.
        interrupts: Signals that ask to stop, polled between steps.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops, self.data = loops, loops[0].data
        self.n_batches, self.batch_size = loops[0].n_batches, loops[0].batch_size
        self.step = JointStep(loops)
        step = cast(Step, self.step)  # a joint step has all that the recorder uses
        self.run_steps = StepRecorder(step, loops[0].config.epochs * self.n_batches)
        self.failed: dict[int, DivergedError] = {}
        self.interrupts = Interrupts()
        self._counted_at = time.monotonic()

    def run_epoch(self, epoch: int) -> Means:
        """Train every member for one epoch, or the rest of one; return the means of what it logged.

        The loop waits for the device once, at the end.
        """
        self.step.stack.module.train()
        for update in self.step.updates:
            update.guard.begin()
        part, device = self._start_noise(epoch), self.step.device
        if part:
            self.step.keys = part.keys
        sums = self.run_steps(self.inputs(epoch).to(device), part, self.pause)
        return _by_member([f"train.{k}" for k in self.step.keys], sums.div(self.n_batches))

    def inputs(self, epoch: int) -> Inputs:
        """Return what each step of an epoch reads, on the CPU."""
        each = [loop.inputs(epoch) for loop in self.loops]
        indices, _, rates = (torch.stack(tables, dim=1) for tables in zip(*each, strict=True))
        return Inputs(indices, each[0].epoch, rates.amax(dim=1))

    @torch.no_grad()
    def validate(self) -> Means:
        """Return, by member, the validation means of what validating objectives log."""
        self.step.stack.module.eval()
        n = self.data.size("validation")
        means: Tensors = {}
        for update in (u for u in self.step.updates if u.first.validates):
            sums: Tensors = {}
            for size, logged in self.losses_of_blocks(update, VALIDATION_BLOCK):
                for key, value in logged.items():
                    share = value.double() * (size / n)
                    sums[key] = sums[key] + share if key in sums else share
            means |= {f"validation.{update.first.name}.{k}": v for k, v in sums.items()}
        if not means:
            return [{} for _ in self.loops]
        return _by_member(list(means), torch.stack(list(means.values())))

    def losses_of_blocks(self, update: JointUpdate, size: int) -> list[tuple[int, Tensors]]:
        """Return the size of each block of the validation data, and what is logged, each (S,)."""
        x, y = self.data.held_out("validation")
        generators = [
            torch.Generator(self.step.device).manual_seed(seed)
            for seed in (_seed(loop.stream.child("validation")) for loop in self.loops)
        ]
        losses: list[tuple[int, Tensors]] = []
        for block in zip(torch.split(x, size), torch.split(y, size), strict=True):
            self.pause(self.n_batches)
            losses.append((len(block[0]), update.validate(generators, *block)))
        return losses

    @torch.no_grad()
    def compared_losses(self, epoch: int) -> list[list[list[float]]]:
        """Return, by member, the counterpart of ``Loop.compared_losses``."""
        size = block_size(self.data.size("validation"), VALIDATION_BLOCK)
        scored = [update for update in self.step.updates if update.first.validates][:1]
        if epoch not in compared_epochs(self.loops[0].config.epochs) or not size or not scored:
            return [[] for _ in self.loops]
        losses = [logged["loss"] for _, logged in self.losses_of_blocks(scored[0], size)]
        return [[each] for each in torch.stack(losses, dim=1).tolist()]

    def train_epoch(self, epoch: int) -> None:
        """Train every member for one epoch, validate, and record both.

        Raises:
            DivergedError: All members have diverged.
        """
        self._counted_at = time.monotonic()
        trained, validated = self.run_epoch(epoch), self.validate()
        compared = self.compared_losses(epoch + 1)
        guards = [update.guard for update in self.step.updates]
        errors = failures(guards, (epoch + 1) * self.n_batches)
        for i, loop in enumerate(self.loops):
            if i in self.failed:
                continue
            try:
                if error := errors[i]:
                    raise error
                loop.record_epoch(trained[i] | validated[i])
                loop.progress.add_compared(compared[i])
            except DivergedError as error:
                self.failed[i] = error.with_traceback(None)
        self.count_seconds()
        if len(self.failed) == len(self.loops):
            raise DivergedError("all members have diverged")

    def save(self) -> None:
        """Write the checkpoints of members that have not diverged."""
        for i in range(len(self.loops)):
            self._save_member(i)

    def pause(self, steps: int) -> None:
        """Between steps: if a signal asks to stop, save the epoch in progress, and stop."""
        self.interrupts.poll(lambda: self.save_part(steps))

    def save_part(self, steps: int) -> None:
        """Write the checkpoints of members whose losses were all finite, after some steps."""
        self.count_seconds()
        errors = failures([update.guard for update in self.step.updates], steps)
        sums = self.run_steps.sums
        for i in (i for i, error in enumerate(errors) if not error):
            own = None if sums is None else sums[:, i]
            generators = self.step.generators[i : i + 1]
            self._save_member(i, part_of(steps, self.step.keys, own, generators))

    def count_seconds(self) -> None:
        """Add each member's share of the time since the epoch began, or since last counted."""
        now = time.monotonic()
        for loop in self.loops:
            loop.progress.seconds += (now - self._counted_at) / len(self.loops)
        self._counted_at = now

    def _save_member(self, i: int, part: Part | None = None) -> None:
        if i not in self.failed:
            for update in self.step.updates:
                update.share_optimizer_state(i)
            self.loops[i].save(part)

    def _start_noise(self, epoch: int) -> Part | None:
        """Start every member's generator for an epoch; return what was trained of it before."""
        parts = []
        for loop, generator in zip(self.loops, self.step.generators, strict=True):
            part = loop.progress.take_part()
            generator.manual_seed(_seed(noise_of(loop.stream, epoch, part, self.step.device)))
            if part:
                part.restore([generator], self.step.device)
                parts.append(part)
        return joined(parts) if parts else None


def _seed(stream: Stream) -> int:
    """Return the seed that ``Stream.seeded`` gives torch's own generators."""
    return stream.generator().initial_seed()


def _by_member(keys: Sequence[str], means: Tensor) -> Means:
    """Return means (len(keys), S) as one dictionary for each member; waits for the device."""
    return [dict(zip(keys, column, strict=True)) for column in means.T.tolist()]


def fit_together(loops: Sequence[Loop], description: str = "train") -> list[FitOutcome]:
    """Train runs as one computation, each from its checkpoint if there is one.

    Members with checkpoints at the same epoch and step continue together, in one group for each,
    so no step is taken twice. Training that was killed thus ends where uninterrupted training does,
    up to rounding, and bit for bit if the groups are the same.

    Args:
        loops: Compatible with each other, each model initialised from its own seed.
        description: Label of the progress bar.

    Returns:
        A result or an error for each member. ``seconds`` is its share of the total time. If a
        member diverges, the others continue unchanged, and its last good checkpoint is kept.

    Raises:
        IncompatibleError: The runs cannot be trained jointly; to train them alone, rebuild the
            models.
    """
    if len(compatible_groups(loops)) > 1:
        raise IncompatibleError("the members are not compatible")
    groups: dict[Position, list[Loop]] = {}
    for loop in loops:
        loop.resume()
        groups.setdefault(loop.progress.position(), []).append(loop)
    outcomes: dict[Loop, FitOutcome] = {}
    for position in sorted(groups):
        outcomes |= zip(groups[position], _fit_group(groups[position], description), strict=True)
    return [outcomes[loop] for loop in loops]


def _fit_group(loops: Sequence[Loop], description: str) -> list[FitOutcome]:
    if len(loops) == 1:
        try:
            return [fit(loops[0], description)]
        except DivergedError as error:
            return [error]
    joint, start = JointLoop(loops), loops[0].progress.epoch
    with suppress(DivergedError), noted_interrupts() as joint.interrupts:
        train_epochs(start, loops[0].config, description, joint.train_epoch, joint.save)
    joint.step.stack.release()
    not_recorded = joint.run_steps.not_recorded
    results = [replace(loop.result(), not_recorded=not_recorded) for loop in loops]
    return [joint.failed.get(i) or result for i, result in enumerate(results)]
