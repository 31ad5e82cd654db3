"""The training loop of many runs of one recipe, as one batched computation.

Member i has its own initialisation, data order and noise, all from its own seed, and ends where the
same run trained alone ends, but for the order of additions in matrix products: each step agrees up
to a few roundings of float32, which then grow in training. History, choice of the best epoch and
checkpoints are those of :mod:`genbench.training.loop`.

Not supported are models that draw in other ways than ``randn``, ``rand``, ``normal``, dropout and
their variants, models that branch on values, and members that differ in more than tensors, learning
rates and fields of objectives marked ``per_member``. All are detected before the first step; such
runs are trained alone. A bias followed by batch norm has no gradient but rounding, which Adam
follows: such biases, which have no effect, differ visibly from those of a run trained alone.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.func import functional_call

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.training.capture import StepRecorder
from genbench.training.joint.batched_call import BatchedCall
from genbench.training.joint.stacked_parameters import Tensors
from genbench.training.joint.step import JointStep, with_fields
from genbench.training.loop import VALIDATION_BLOCK, Loop
from genbench.training.step import Step

Means = list[dict[str, float]]
"""One dictionary of means for each member."""


class JointLoop:
    """The state of S runs that are trained jointly; the counterpart of ``Loop``."""

    def __init__(self, loops: Sequence[Loop], data: Dataset) -> None:
        self.loops, self.data = loops, data
        self.n_batches, self.batch_size = loops[0].n_batches, loops[0].batch_size
        self.step = JointStep(loops, data)
        step = cast(Step, self.step)  # a joint step has all that a recorder uses
        self.run_step = StepRecorder(step, loops[0].config.epochs * self.n_batches)
        self._validation_calls: dict[tuple[int, int], BatchedCall] = {}

    def run_epoch(self, epoch: int) -> Means:
        """Train every member for one epoch; return the means of what its objectives logged.

        The loop waits for the device once, at the end.
        """
        self.step.stack.module.train()
        orders = torch.stack([loop.order(epoch) for loop in self.loops])
        batches = torch.split(orders.to(self.step.device), self.batch_size, dim=1)
        start = epoch * self.n_batches
        self.step.begin(self._generators("noise", epoch), start)
        logged: Tensor | float = 0.0
        for i, indices in enumerate(batches[: self.n_batches]):
            self.step.prepare(start + i)
            logged = self.run_step(indices, epoch + i / self.n_batches).double() + logged
        means = torch.as_tensor(logged).div(self.n_batches)
        return _by_member([f"train.{k}" for k in self.step.keys], means)

    @torch.no_grad()
    def validate(self) -> Means:
        """Return, by member, the validation means of what validating objectives log."""
        self.step.stack.module.eval()
        x, y = self.data.held_out("validation")
        means: Tensors = {}
        for which, update in enumerate(self.step.updates):
            if not update.validates:
                continue
            sums: Tensors = {}
            generators = self._generators("validation")
            for start in range(0, len(x), VALIDATION_BLOCK):
                block = slice(start, start + VALIDATION_BLOCK)
                for key, value in self._losses(which, generators, x[block], y[block]).items():
                    share = value.double() * (len(x[block]) / len(x))
                    sums[key] = sums[key] + share if key in sums else share
            means |= {f"validation.{update.name}.{k}": v for k, v in sums.items()}
        if not means:
            return [{} for _ in self.loops]
        return _by_member(list(means), torch.stack(list(means.values())))

    def _generators(self, *names: str | int) -> list[torch.Generator]:
        return [_generator(loop.stream.child(*names), self.step.device) for loop in self.loops]

    def _losses(
        self, which: int, generators: Sequence[torch.Generator], x: Tensor, y: Tensor
    ) -> Tensors:
        call = self._validation_calls.setdefault((which, len(x)), self._validation_call(which))
        stack = self.step.stack
        tensors = {k: p.detach() for k, p in stack.parameters.items()} | stack.buffers
        each = [part.expand(len(self.loops), *part.shape) for part in (x, y)]
        arguments = (tensors, *each, self.step.fields[which])
        if call.traced:
            call.draw(generators)
        else:
            call.trace(generators, None, *arguments)
        value, logged = call(None, *arguments)
        return {"loss": value, **logged}

    def _validation_call(self, which: int) -> BatchedCall:
        objective, module = self.step.updates[which].objective, self.step.stack.module

        def losses(
            setting: None, tensors: Tensors, x: Tensor, y: Tensor, fields: Tensors
        ) -> tuple[Tensor, Tensors]:
            arguments = (with_fields(objective, fields), Batch(x, y, math.inf))
            loss = functional_call(module, tensors, arguments)
            return loss.value, dict(loss.logged)

        return BatchedCall(losses)


def _by_member(keys: Sequence[str], means: Tensor) -> Means:
    """Return means (len(keys), S) as one dictionary for each member; waits for the device."""
    return [dict(zip(keys, column, strict=True)) for column in means.T.tolist()]


def _generator(stream: Stream, device: torch.device) -> torch.Generator:
    """Return a generator of the device in the state that ``Stream.seeded`` gives torch's own."""
    seed = stream.generator().initial_seed()
    return torch.Generator(device).manual_seed(seed)
