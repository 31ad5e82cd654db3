"""One training step of all members; the counterpart of :mod:`genbench.training.step`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from genbench.core.objective import Batch, Loss
from genbench.training.guard import Guard
from genbench.training.joint.batched_call import BatchedCall
from genbench.training.joint.compatible import differing_fields
from genbench.training.joint.stacked_parameters import StackedParameters, Tensors, stack_tensors
from genbench.training.loop import Loop
from genbench.training.optimizers import (
    in_layout_of,
    make_optimizer,
    optimizer_tensors,
    set_rate,
)
from genbench.training.precision import products_in


class JointStep:
    """Every update on one batch of every member. It never reads a tensor's value.

    Attributes:
        device: Device of parameters and data.
        keys: What the objectives log, in the order of the rows that a call returns.
        stack: Parameters and buffers.
        updates: In the order in which they are applied.
        generators: One for each member. They live as long as the step, since a recording reads
            their states; each epoch seeds them again.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.data, self.device = loops[0].data, loops[0].step.device
        self.stack = StackedParameters([loop.model for loop in loops])
        self.updates = [JointUpdate(loops, i, self.stack) for i in range(len(loops[0].updates))]
        self.generators = [torch.Generator(self.device) for _ in loops]
        self.keys: tuple[str, ...] = ()
        self._batch_call = BatchedCall(self._train_batch)

    def draw(self) -> None:
        """Draw the noise of a step from the generators."""
        for call in self._calls():
            call.draw(self.generators)

    def __call__(self, indices: Tensor, epoch: float | Tensor, rates: Tensor) -> Tensor:
        """Take the step and return what was logged, (len(keys), S).

        Args:
            indices: Training data of each member's batch, (S, B) int64, on the data's device.
            epoch: Progress of training in epochs.
            rates: The largest learning rate of each update, (U,).
        """
        for update, rate in zip(self.updates, rates, strict=True):
            update.set_rate(rate)

        # Each member's batch, with its own noise in the data.
        x, y = self._batch_call(None, indices)
        batch = Batch(x, y, epoch, indices)

        # Every update in turn, with its number of steps; the last one is logged.
        logged: Tensors = {}
        for update in self.updates:
            for call in update.calls:
                values = update.optimise(call, batch)
            logged |= {f"{update.first.name}.{key}": value for key, value in values.items()}

        # Members whose losses were all finite have taken a good step.
        for update in self.updates:
            update.guard.count()
        self.keys = tuple(logged)
        return torch.stack(list(logged.values()))

    def tensors(self) -> list[Tensor]:
        """Return every tensor, apart from the data, that steps read and that changes."""
        of_updates = [tensor for update in self.updates for tensor in update.tensors()]
        noise = [tensor for call in self._calls() for tensor in call.drawn]
        return [*self.stack.parameters.values(), *self.stack.buffers.values(), *of_updates, *noise]

    def _calls(self) -> list[BatchedCall]:
        return [self._batch_call, *(call for update in self.updates for call in update.calls)]

    def _train_batch(self, setting: None, indices: Tensor) -> tuple[Tensor, Tensor]:
        batch = self.data.train_batch(indices)
        return batch.x, batch.y


class JointUpdate:
    """One update of all members, over their stacked parameters.

    The optimiser steps whole stacks: its arithmetic is elementwise, hence independent for each
    member, and its step is proportional to the learning rate. If members have different learning
    rates, it takes the step of the largest rate, and each member applies its share of that step.

    Attributes:
        first: The first member's update.
        guard: One flag for each member.
        calls: The loss and its gradients, one call for each step on a batch.
    """

    def __init__(self, loops: Sequence[Loop], which: int, stack: StackedParameters) -> None:
        self._loops, self._which, self._stack = loops, which, stack
        self._updates = [loop.updates[which] for loop in loops]
        self.first, device = self._updates[0], loops[0].step.device
        name_of = {id(p): name for name, p in stack.module.named_parameters()}
        self._names = [name_of[id(p)] for p in self.first.parameters]
        self._parameters = [stack.parameters[name] for name in self._names]
        self._optimizer = self._stacked_optimizer()
        self._shares = _shares(loops, which)
        fields = differing_fields([update.objective for update in self._updates])
        self._fields = {
            k: torch.tensor(v, dtype=torch.float64, device=device) for k, v in fields.items()
        }
        self.guard = Guard(self.first.name, device, len(loops))
        self.calls = [BatchedCall(self._trained) for _ in range(self.first.steps_per_batch)]
        self._validation_calls: dict[int, BatchedCall] = {}

    def set_rate(self, rate: Tensor) -> None:
        """Set the largest learning rate, a tensor ()."""
        set_rate(self._optimizer, rate)

    def optimise(self, call: BatchedCall, batch: Batch) -> Tensors:
        """Take one step on a batch of every member; return what was logged, each (S,)."""
        # Losses of all members in one call, then their gradients: no loss depends on another's.
        tensors, buffers = self._stack.detached(), self._stack.buffers
        own = [tensors[name].requires_grad_() for name in self._names]
        data = {"x": batch.x, "y": batch.y, "indices": batch.indices}
        with products_in(self._loops[0].config.precision):
            losses, (logged, moved) = call(batch.epoch, tensors, buffers, data, self._fields)
            slopes = torch.autograd.grad(losses.sum(), own, materialize_grads=True)
        gradients = dict(zip(self._names, slopes, strict=True))
        losses = losses.detach()

        # Batch statistics and other buffers: the call is pure and returns their new values.
        for name, buffer in buffers.items():
            buffer.copy_(moved[name].detach())

        # Flag members whose loss or gradient is not finite.
        self.guard.watch(losses)
        max_norm = self._loops[0].config.grad_clip
        if max_norm is not None:
            gradients, norms = clip_gradients(gradients, max_norm)
            self.guard.watch(norms)

        # One optimiser step over the stacked parameters.
        self._descend(gradients)
        return {"loss": losses} | {key: value.detach() for key, value in logged.items()}

    def validate(self, generators: Sequence[torch.Generator], x: Tensor, y: Tensor) -> Tensors:
        """Return what the objective logs on held-out data, each (S,)."""
        call = self._validation_calls.setdefault(len(x), BatchedCall(self._held_out))
        call.draw(generators)
        tensors = self._stack.detached() | self._stack.buffers
        data = {k: v.expand(len(generators), *v.shape) for k, v in (("x", x), ("y", y))}
        losses, logged = call(math.inf, tensors, data, self._fields)
        return {"loss": losses, **logged}

    def tensors(self) -> list[Tensor]:
        """Return what a step changes besides parameters and buffers."""
        return [*optimizer_tensors(self._optimizer), *self.guard.tensors()]

    def share_optimizer_state(self, member: int) -> None:
        """Make the state of a member's own optimiser views of the stacked one."""
        own = self._loops[member].step.optimizers[self._which]
        pairs = zip(self._updates[member].parameters, self._parameters, strict=True)
        for parameter, stack in pairs:
            state = self._optimizer.state[stack].items()
            own.state[parameter] = {k: v if k == "step" else v[member] for k, v in state}

    def _stacked_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser of stacked parameters, its state stacked from the members' own."""
        update = replace(self.first, parameters=self._parameters)
        optimizer = make_optimizer(update, self._loops[0].config)
        own = [loop.step.optimizers[self._which].state for loop in self._loops]
        of_members = zip(*(update.parameters for update in self._updates), strict=True)
        for stack, parameters in zip(self._parameters, of_members, strict=True):
            states = [s[p] for s, p in zip(own, parameters, strict=True) if p in s]
            if states:
                optimizer.state[stack] = {
                    k: v.clone() if k == "step" else stack_tensors([s[k] for s in states], stack)
                    for k, v in states[0].items()
                }
        return optimizer

    @torch.no_grad()
    def _descend(self, gradients: Tensors) -> None:
        """Take the optimiser's step along the gradients, by name."""
        for name, parameter in zip(self._names, self._parameters, strict=True):
            parameter.grad = in_layout_of(parameter, gradients[name])
        if self._shares is None:
            self._optimizer.step()
            return
        starts = [parameter.clone() for parameter in self._parameters]
        self._optimizer.step()
        for parameter, start in zip(self._parameters, starts, strict=True):
            share = self._shares.reshape(-1, *[1] * (start.ndim - 1)).to(start.dtype)
            parameter.copy_(torch.lerp(start, parameter, share))

    # Called for one member: pure functions of its tensors.

    def _trained(
        self, epoch: Any, tensors: Tensors, buffers: Tensors, data: Tensors, fields: Tensors
    ) -> tuple[Tensor, tuple[Tensors, Tensors]]:
        """Return the loss, what is logged, and the new buffers."""
        moved = {name: buffer.clone() for name, buffer in buffers.items()}
        loss = self._loss(epoch, tensors | moved, data, fields)
        return loss.value, (dict(loss.logged), moved)

    def _held_out(
        self, epoch: float, tensors: Tensors, data: Tensors, fields: Tensors
    ) -> tuple[Tensor, Tensors]:
        loss = self._loss(epoch, tensors, data, fields)
        return loss.value, dict(loss.logged)

    def _loss(self, epoch: Any, tensors: Tensors, data: Tensors, fields: Tensors) -> Loss:
        """Return the loss of a member's tensors, with its own values of ``per_member`` fields."""
        objective = self.first.objective
        own = replace(objective, **fields) if fields else objective  # type: ignore[type-var]
        batch = Batch(**data, epoch=epoch)
        loss: Loss = functional_call(self._stack.module, tensors, (own, batch))
        return loss


def _shares(loops: Sequence[Loop], which: int) -> Tensor | None:
    """Return members' shares of the largest learning rate, (S,), if their rates differ."""
    rates = [loop.config.learning_rate * loop.updates[which].learning_rate_scale for loop in loops]
    if min(rates) == max(rates):
        return None
    shares = torch.tensor([rate / max(rates) for rate in rates], dtype=torch.float64)
    return shares.to(loops[0].step.device)


def clip_gradients(gradients: Tensors, max_norm: float) -> tuple[Tensors, Tensor]:
    """Scale each member's gradients to a norm of at most ``max_norm``; return the old norms, (S,).

    The counterpart of ``torch.nn.utils.clip_grad_norm_``, with the same constant in the quotient.
    """
    each = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients.values()]
    norms = torch.linalg.vector_norm(torch.stack(each), dim=0)
    factors = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    scaled = {k: g * factors.reshape(-1, *[1] * (g.ndim - 1)) for k, g in gradients.items()}
    return scaled, norms
