"""Parameters, buffers and optimiser states of all members, each kind stacked into one tensor.

The tensors of members' own modules become views of the stack, so that reading a module (for its
weights, for a checkpoint) always gives current values. Optimisers step whole stacks: their
arithmetic is elementwise, hence independent for each member.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from genbench.core.objective import Batch, Loss, Objective
from genbench.training.loop import Loop
from genbench.training.optimizers import make_optimizer, optimizer_tensors

Tensors = dict[str, Tensor]
"""Tensors by name, most with members along their first dimension."""


class ObjectiveModule(nn.Module):
    """An objective's call on a model, as a module for ``functional_call``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, objective: Objective, batch: Batch) -> Loss:
        """Return the loss."""
        return objective(self.model, batch)


class StackedParameters:
    """Parameters, stored buffers and optimisers of S compatible members.

    Attributes:
        parameters: By name, (S, ...), what the optimisers step.
        buffers: By name, (S, ...), such as batch statistics.
        module: The first member's model, whose tensors the stack replaces in each call.
        optimizers: One for each update, over stacked parameters.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        modules = [ObjectiveModule(loop.model) for loop in loops]
        self.module = modules[0]
        stored = self.module.state_dict().keys()
        weights = _stack_by_name([dict(m.named_parameters()) for m in modules])
        self.parameters = {name: nn.Parameter(stack) for name, stack in weights.items()}
        buffers = [{k: b for k, b in m.named_buffers() if k in stored} for m in modules]
        self.buffers = _stack_by_name(buffers)
        self.names = [self._names(which) for which in range(len(loops[0].updates))]
        for i, module in enumerate(modules):
            _make_views(module, weights | self.buffers, i)
        self.optimizers = [self._optimizer(which) for which in range(len(self.names))]

    def split(self, which: int) -> tuple[Tensors, Tensors]:
        """Return the parameters of an update, and all others, detached from any graph."""
        own = self.names[which]
        values = {name: p.detach() for name, p in self.parameters.items()}
        return (
            {name: values[name] for name in own},
            {name: p for name, p in values.items() if name not in own},
        )

    def tensors(self) -> list[Tensor]:
        """Return every tensor that a step changes, learning rates included."""
        of_optimizers = [tensor for o in self.optimizers for tensor in optimizer_tensors(o)]
        return [*self.parameters.values(), *self.buffers.values(), *of_optimizers]

    def share_optimizer_state(self, member: int) -> None:
        """Make the states of a member's own optimisers views of the stacked ones."""
        loop = self._loops[member]
        for update, own, stacked in zip(
            loop.updates, loop.step.optimizers, self.optimizers, strict=True
        ):
            stacks = stacked.param_groups[0]["params"]
            for parameter, stack in zip(update.parameters, stacks, strict=True):
                state = stacked.state[stack].items()
                own.state[parameter] = {k: v if k == "step" else v[member] for k, v in state}

    def release(self) -> None:
        """Give every member its own tensors again."""
        for loop in self._loops:
            for tensor in (*loop.model.parameters(), *loop.model.buffers()):
                tensor.data = tensor.data.clone()

    def _names(self, which: int) -> list[str]:
        name_of = {id(p): name for name, p in self.module.named_parameters()}
        return [name_of[id(p)] for p in self._loops[0].updates[which].parameters]

    def _optimizer(self, which: int) -> torch.optim.Optimizer:
        """Return the optimiser of stacked parameters, its state stacked from the members' own."""
        first = self._loops[0]
        stacks = [self.parameters[name] for name in self.names[which]]
        optimizer = make_optimizer(replace(first.updates[which], parameters=stacks), first.config)
        owners = [loop.updates[which].parameters for loop in self._loops]
        for stack, of_members in zip(stacks, zip(*owners, strict=True), strict=True):
            states = [
                loop.step.optimizers[which].state[parameter]
                for loop, parameter in zip(self._loops, of_members, strict=True)
                if parameter in loop.step.optimizers[which].state
            ]
            if states:
                optimizer.state[stack] = {
                    k: v.clone() if k == "step" else stack_tensors([s[k] for s in states])
                    for k, v in states[0].items()
                }
        return optimizer


def _stack_by_name(each: Sequence[Tensors]) -> Tensors:
    return {name: stack_tensors([tensors[name].detach() for tensors in each]) for name in each[0]}


def stack_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors such that each part has the memory layout of the first tensor.

    Dropout draws in the order of memory, which for images may have the channels last.
    """
    first = tensors[0]
    shape, stride = (len(tensors), *first.shape), (first.numel(), *first.stride())
    stack = torch.empty_strided(shape, stride, dtype=first.dtype, device=first.device)
    for part, tensor in zip(stack, tensors, strict=True):
        part.copy_(tensor)
    return stack


def _make_views(module: nn.Module, stacks: Tensors, member: int) -> None:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if name in stacks:
            tensor.data = stacks[name][member]
