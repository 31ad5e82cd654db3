"""The tensors of all members of an ensemble, each kind stacked into one.

Members' own modules become views of the stack, so what reads a module (weights, checkpoints)
finds it up to date. Optimisers step whole stacks: their arithmetic is elementwise, hence each
member's own.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from genbench.core.objective import Batch, Loss, Objective
from genbench.training.loop import Loop
from genbench.training.optimizers import make_optimizer

Named = dict[str, Tensor]


class Caller(nn.Module):
    """Calls an objective on a model, in the form that ``functional_call`` knows."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, objective: Objective, batch: Batch) -> Loss:
        """Return the loss."""
        return objective(self.model, batch)


class Stack:
    """Parameters, stored buffers and optimiser states of S alike members.

    Attributes:
        parameters: By name, (S, ...), what the optimisers step.
        buffers: By name, (S, ...): batch statistics and their like.
        caller: The first member's model, whose tensors the stack replaces in each call.
        optimizers: One for each update, over stacks.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        self.caller = Caller(loops[0].model)
        callers = [Caller(loop.model) for loop in loops]
        stored = self.caller.state_dict().keys()
        weights = _stacked([dict(c.named_parameters()) for c in callers])
        self.parameters = {name: nn.Parameter(whole) for name, whole in weights.items()}
        buffers = [{k: b for k, b in c.named_buffers() if k in stored} for c in callers]
        self.buffers = _stacked(buffers)
        self.names = [_names(loops[0], which) for which in range(len(loops[0].updates))]
        for i, caller in enumerate(callers):
            _view(caller, weights | self.buffers, i)
        self.optimizers = [self._optimizer(which) for which in range(len(self.names))]

    def values(self, which: int) -> tuple[Named, Named]:
        """Return the parameters of an update, and all others, cut from any graph."""
        own = set(self.names[which])
        values = {name: p.detach() for name, p in self.parameters.items()}
        return (
            {name: values[name] for name in self.names[which]},
            {name: p for name, p in values.items() if name not in own},
        )

    def tensors(self) -> list[Tensor]:
        """Return every tensor that a step changes, learning rates included."""
        found = [*self.parameters.values(), *self.buffers.values()]
        for optimizer in self.optimizers:
            found.append(optimizer.param_groups[0]["lr"])
            for state in optimizer.state.values():
                found += [value for value in state.values() if isinstance(value, Tensor)]
        return found

    def share_optimizer_state(self, member: int) -> None:
        """Make a member's own optimisers views of the stacked ones, for its checkpoint."""
        loop = self._loops[member]
        for update, own, stacked in zip(
            loop.updates, loop.step.optimizers, self.optimizers, strict=True
        ):
            ours = stacked.param_groups[0]["params"]
            for parameter, whole in zip(update.parameters, ours, strict=True):
                found = stacked.state[whole].items()
                own.state[parameter] = {k: v if k == "step" else v[member] for k, v in found}

    def release(self) -> None:
        """Give every member tensors of its own again."""
        for loop in self._loops:
            for tensor in (*loop.model.parameters(), *loop.model.buffers()):
                tensor.data = tensor.data.clone()

    def _optimizer(self, which: int) -> torch.optim.Optimizer:
        """Return the optimiser over stacks, with the state that members' checkpoints gave them."""
        first = self._loops[0]
        update = first.updates[which]
        stacks = [self.parameters[name] for name in self.names[which]]
        optimizer = make_optimizer(replace(update, parameters=stacks), first.config)
        owners = [loop.updates[which].parameters for loop in self._loops]
        for parameter, of_members in zip(stacks, zip(*owners, strict=True), strict=True):
            states = [
                loop.step.optimizers[which].state[own]
                for loop, own in zip(self._loops, of_members, strict=True)
                if own in loop.step.optimizers[which].state
            ]
            if states:
                optimizer.state[parameter] = {
                    k: v.clone() if k == "step" else stacked([s[k] for s in states])
                    for k, v in states[0].items()
                }
        return optimizer


def _names(loop: Loop, which: int) -> list[str]:
    names = {id(p): name for name, p in Caller(loop.model).named_parameters()}
    return [names[id(p)] for p in loop.updates[which].parameters]


def _stacked(each: Sequence[Named]) -> Named:
    return {name: stacked([found[name].detach() for found in each]) for name in each[0]}


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors such that each part lies in memory as the first tensor does.

    Dropout draws in the order of memory, which for images has the channels last.
    """
    first = tensors[0]
    shape, stride = (len(tensors), *first.shape), (first.numel(), *first.stride())
    whole = torch.empty_strided(shape, stride, dtype=first.dtype, device=first.device)
    for part, tensor in zip(whole, tensors, strict=True):
        part.copy_(tensor)
    return whole


def _view(caller: Caller, stacks: Named, member: int) -> None:
    for name, tensor in (*caller.named_parameters(), *caller.named_buffers()):
        if name in stacks:
            tensor.data = stacks[name][member]
