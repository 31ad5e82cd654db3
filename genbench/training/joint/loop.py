"""Many runs of one recipe trained as one batched computation.

Member i has its own initialisation, data order and noise, all from its own seed, and ends where the
run trained alone ends, but for the order of additions in matrix products: each step agrees to a few
roundings of float32, which training then lets grow. History, choice of the best epoch, checkpoints
and their resumption are those of :mod:`genbench.training.loop`.

Not supported are models that draw in other ways than ``randn``, ``rand``, ``normal``, dropout and
their variants, that branch on values, or whose members differ in more than tensors, learning
rates and fields of objectives marked ``per_member``: a rehearsal finds them before the first step,
and such runs are trained alone. Batch norm takes the gradient from the bias before it; there Adam
follows roundings, so that such biases, which change nothing, differ visibly.
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
from genbench.training.capture import Runner
from genbench.training.joint.batched_call import JointCall
from genbench.training.joint.stacked_parameters import Named
from genbench.training.joint.step import JointStep, with_fields
from genbench.training.loop import VALIDATION_BLOCK, Loop
from genbench.training.step import Step

Means = list[dict[str, float]]


class Ensemble:
    """The state of S runs that are trained together; the counterpart of ``Loop``."""

    def __init__(self, loops: Sequence[Loop], data: Dataset) -> None:
        self.loops, self.data = loops, data
        self.n_batches, self.batch_size = loops[0].n_batches, loops[0].batch_size
        self.step = JointStep(loops, data)
        steps = cast(Step, self.step)  # it has all that is asked of one
        self.run_step = Runner(steps, loops[0].config.epochs * self.n_batches)
        self._validate: dict[tuple[int, int], JointCall] = {}

    def run_epoch(self, epoch: int) -> Means:
        """Train every member for one epoch; return the means of what its objectives logged.

        The device is waited for once, at the end.
        """
        self.step.stack.caller.train()
        orders = torch.stack([self._order(loop, epoch) for loop in self.loops])
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
        """Return the mean of each validating objective over the validation split, by member."""
        self.step.stack.caller.eval()
        x, y = self.data.held_out("validation")
        means: Named = {}
        for which, update in enumerate(self.step.updates):
            if not update.validates:
                continue
            sums: Named = {}
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

    def _order(self, loop: Loop, epoch: int) -> Tensor:
        generator = loop.stream.child("order", epoch).generator()
        return torch.randperm(self.data.size("train"), generator=generator)

    def _generators(self, *names: str | int) -> list[torch.Generator]:
        return [_generator(loop.stream.child(*names), self.step.device) for loop in self.loops]

    def _losses(
        self, which: int, generators: Sequence[torch.Generator], x: Tensor, y: Tensor
    ) -> Named:
        call = self._validate.setdefault((which, len(x)), self._validation_call(which))
        stack = self.step.stack
        tensors = {k: p.detach() for k, p in stack.parameters.items()} | stack.buffers
        each = [part.expand(len(self.loops), *part.shape) for part in (x, y)]
        arguments = (tensors, *each, self.step.fields[which])
        if call.ready:
            call.draw(generators)
        else:
            call.rehearse(generators, None, *arguments)
        value, logged = call(None, *arguments)
        return {"loss": value, **logged}

    def _validation_call(self, which: int) -> JointCall:
        objective, caller = self.step.updates[which].objective, self.step.stack.caller

        def losses(
            setting: None, tensors: Named, x: Tensor, y: Tensor, fields: Named
        ) -> tuple[Tensor, Named]:
            arguments = (with_fields(objective, fields), Batch(x, y, math.inf))
            loss = functional_call(caller, tensors, arguments)
            return loss.value, dict(loss.logged)

        return JointCall(losses)


def _by_member(keys: Sequence[str], means: Tensor) -> Means:
    """Return means (len(keys), S) as one dictionary for each member; waits for the device."""
    return [dict(zip(keys, column, strict=True)) for column in means.T.tolist()]


def _generator(stream: Stream, device: torch.device) -> torch.Generator:
    """Return the device's generator at the start of a stream: what ``seeded`` makes of torch's."""
    seed = stream.generator().initial_seed()
    return torch.Generator(device).manual_seed(seed)
