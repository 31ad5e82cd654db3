"""Fits many runs jointly: the counterpart of :func:`genbench.training.loop.fit`."""

import time
from collections.abc import Sequence

from genbench.core.progress import progress as bar
from genbench.data import Dataset
from genbench.training.checkpoint import Progress, save_checkpoint
from genbench.training.joint.batched_call import IncompatibleError
from genbench.training.joint.compatible import Member, compatible_groups
from genbench.training.joint.loop import JointLoop
from genbench.training.joint.step import failures
from genbench.training.loop import CHECKPOINT_SECONDS, DivergedError, FitResult, Loop, fit
from genbench.training.threads import float32_products, flushed_denormals

FitOutcome = FitResult | DivergedError


def fit_together(
    members: Sequence[Member], data: Dataset, description: str = "train"
) -> list[FitOutcome]:
    """Train members as one computation, each from its checkpoint if there is one.

    Members whose checkpoints are at the same epoch continue together, the others in groups of
    their own, so that no epoch is trained twice. A training that was killed thus ends where an
    uninterrupted one does, up to rounding, and bit for bit if the groups are the same.

    Args:
        members: Compatible with each other, each with its model on the data's device, initialised
            from its own seed.
        data: Served from the device.
        description: Label of the progress bar.

    Returns:
        A result or an error for each member. ``seconds`` is its share of the total time. When a
        member diverges, the others go on unchanged, and its last good checkpoint is kept.

    Raises:
        IncompatibleError: They cannot be trained as one. Build the models anew to train them alone.
    """
    if len(compatible_groups(members)) > 1:
        raise IncompatibleError("the members are not compatible")
    loops = [Loop(m.model, m.updates, data, m.config, m.stream) for m in members]
    starts = [loop.resume(m.checkpoint) for m, loop in zip(members, loops, strict=True)]
    outcomes: dict[int, FitOutcome] = {}
    for epoch in sorted({progress.epoch for progress in starts}):
        group = [i for i, progress in enumerate(starts) if progress.epoch == epoch]
        if len(group) == 1:
            outcomes[group[0]] = _fit_alone(members[group[0]], data, description)
            continue
        joint = _JointFit(
            [members[i] for i in group], [loops[i] for i in group], [starts[i] for i in group], data
        )
        outcomes |= dict(zip(group, joint.fit(description), strict=True))
    return [outcomes[i] for i in range(len(members))]


def _fit_alone(member: Member, data: Dataset, description: str) -> FitOutcome:
    m = member
    try:
        return fit(m.model, m.updates, data, m.config, m.stream, m.checkpoint, description)
    except DivergedError as error:
        return error


class _JointFit:
    """Training of members that start at the same epoch; ``failed`` has the errors by member."""

    def __init__(
        self,
        members: Sequence[Member],
        loops: Sequence[Loop],
        progress: Sequence[Progress],
        data: Dataset,
    ) -> None:
        self.members, self.loops, self.progress = members, loops, progress
        self.joint = JointLoop(loops, data)
        self.failed: dict[int, DivergedError] = {}

    def fit(self, description: str) -> list[FitOutcome]:
        start, stop = self.progress[0].epoch, self.loops[0].config.epochs
        saved_at = time.monotonic()
        for epoch in bar(range(start, stop), description, "epoch", initial=start):
            self._run_epoch(epoch)
            if len(self.failed) == len(self.members):
                break
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS or epoch + 1 == stop:
                self._save()
                saved_at = time.monotonic()
        self.joint.step.stack.release()
        pairs = enumerate(zip(self.loops, self.progress, strict=True))
        return [self.failed.get(i) or loop.result(progress) for i, (loop, progress) in pairs]

    def _run_epoch(self, epoch: int) -> None:
        started = time.monotonic()
        tf32 = self.loops[0].config.tf32
        with flushed_denormals(), float32_products(tf32=tf32):
            trained, validated = self.joint.run_epoch(epoch), self.joint.validate()
        errors = failures(self.joint.step.guards)
        for i, (loop, progress) in enumerate(zip(self.loops, self.progress, strict=True)):
            if i in self.failed:
                continue
            try:
                if error := errors[i]:
                    raise error
                loop.record_epoch(progress, trained[i] | validated[i])
            except DivergedError as error:
                self.failed[i] = error.with_traceback(None)
        seconds = (time.monotonic() - started) / len(self.members)
        for progress in self.progress:
            progress.seconds += seconds

    def _save(self) -> None:
        for i, (member, loop) in enumerate(zip(self.members, self.loops, strict=True)):
            if i not in self.failed:
                self.joint.step.stack.share_optimizer_state(i)
                optimizers = loop.step.optimizers
                save_checkpoint(member.checkpoint, member.model, optimizers, self.progress[i])
