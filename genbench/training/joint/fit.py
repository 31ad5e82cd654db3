"""Fits many runs together: the counterpart of :func:`genbench.training.loop.fit`."""

import time
from collections.abc import Sequence

from genbench.core.progress import progress as bar
from genbench.data import Dataset
from genbench.training.checkpoint import Progress, save_checkpoint, weights_of
from genbench.training.joint.batched_call import NotTogetherError
from genbench.training.joint.compatible import Member, partition
from genbench.training.joint.loop import Ensemble
from genbench.training.joint.step import failures
from genbench.training.loop import (
    CHECKPOINT_SECONDS,
    DivergedError,
    FitResult,
    Loop,
    _record,
    _resume,
    fit,
)
from genbench.training.threads import float32_products, flushed_denormals

Outcome = FitResult | DivergedError


def fit_together(
    members: Sequence[Member], data: Dataset, description: str = "train"
) -> list[Outcome]:
    """Train members as one computation, each from its checkpoint if there is one.

    Members whose checkpoints stand at the same epoch go on together, the others in groups of
    their own, so that no epoch is trained twice: after a kill all groups end where an
    uninterrupted call does within rounding, and in the same bits where the groups are the same.

    Args:
        members: Compatible with each other, each with its model on the data's device, initialised
            from its own seed.
        data: Served from the device.
        description: What the progress bar says.

    Returns:
        What became of each member. ``seconds`` is its share of the time of all. A diverged member
        is an error in its place; the others go on unchanged, and its last good checkpoint stays.

    Raises:
        NotTogetherError: They cannot be trained as one. Build the models anew to train them alone.
    """
    if len(partition(members)) > 1:
        raise NotTogetherError("the members are not alike")
    loops = [Loop(m.model, m.updates, data, m.config, m.stream) for m in members]
    states = [
        _resume(m.checkpoint, m.model, loop.step.optimizers)
        for m, loop in zip(members, loops, strict=True)
    ]
    outcomes: dict[int, Outcome] = {}
    for epoch in sorted({state.epoch for state in states}):
        group = [i for i, state in enumerate(states) if state.epoch == epoch]
        if len(group) == 1:
            outcomes[group[0]] = _fit_alone(members[group[0]], data, description)
            continue
        joint = _Joint(
            [members[i] for i in group], [loops[i] for i in group], [states[i] for i in group], data
        )
        outcomes |= dict(zip(group, joint.fit(description), strict=True))
    return [outcomes[i] for i in range(len(members))]


def _fit_alone(member: Member, data: Dataset, description: str) -> Outcome:
    try:
        return fit(
            member.model,
            member.updates,
            data,
            member.config,
            member.stream,
            member.checkpoint,
            description,
        )
    except DivergedError as error:
        return error


class _Joint:
    """Members that stand at the same epoch, and what has become of them."""

    def __init__(
        self,
        members: Sequence[Member],
        loops: Sequence[Loop],
        states: Sequence[Progress],
        data: Dataset,
    ) -> None:
        self.members, self.loops, self.states = members, loops, states
        self.ensemble = Ensemble(loops, data)
        self.failed: dict[int, DivergedError] = {}

    def fit(self, description: str) -> list[Outcome]:
        start, stop = self.states[0].epoch, self.loops[0].config.epochs
        saved_at = time.monotonic()
        for epoch in bar(range(start, stop), description, "epoch", initial=start):
            self._run_epoch(epoch)
            if len(self.failed) == len(self.members):
                break
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS or epoch + 1 == stop:
                self._save()
                saved_at = time.monotonic()
        self.ensemble.step.stack.release()
        return [self.failed.get(i) or self._result(i) for i in range(len(self.members))]

    def _run_epoch(self, epoch: int) -> None:
        started = time.monotonic()
        tf32 = self.loops[0].config.tf32
        with flushed_denormals(), float32_products(tf32=tf32):
            trained, validated = self.ensemble.run_epoch(epoch), self.ensemble.validate()
        bad = failures(self.ensemble.step.watches)
        for i, (state, loop) in enumerate(zip(self.states, self.loops, strict=True)):
            if i in self.failed:
                continue
            error = bad[i] or _recorded(state, epoch, loop, trained[i] | validated[i])
            if error:
                self.failed[i] = error
        seconds = (time.monotonic() - started) / len(self.members)
        for state in self.states:
            state.seconds += seconds

    def _save(self) -> None:
        for i, (member, loop) in enumerate(zip(self.members, self.loops, strict=True)):
            if i not in self.failed:
                self.ensemble.step.stack.share_optimizer_state(i)
                state, optimizers = self.states[i], loop.step.optimizers
                save_checkpoint(member.checkpoint, member.model, optimizers, state)

    def _result(self, i: int) -> FitResult:
        state, last = self.states[i], weights_of(self.members[i].model)
        best_epoch = state.best_epoch or state.epoch
        return FitResult(state.history, last, state.best or last, best_epoch, state.seconds)


def _recorded(
    state: Progress, epoch: int, loop: Loop, means: dict[str, float]
) -> DivergedError | None:
    try:
        _record(state, epoch, loop, means)
    except DivergedError as error:
        return error
    return None
