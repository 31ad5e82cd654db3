"""Parameters and buffers of all members, each kind stacked into one tensor.

The tensors of members' own modules become views of the stack, so reading a module (for its weights
or a checkpoint) always gives current values.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbench.core.objective import Batch, Loss, Objective

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
    """Parameters and stored buffers of S compatible models.

    Attributes:
        parameters: By name, (S, ...), what the optimisers step.
        buffers: By name, (S, ...), such as batch statistics.
        module: The first member's model, whose tensors the stack replaces in each call.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self._models = models
        modules = [ObjectiveModule(model) for model in models]
        self.module = modules[0]
        stored = self.module.state_dict().keys()
        weights = _stack_by_name([dict(m.named_parameters()) for m in modules])
        for name in weights.keys() & _of_linear_layers(self.module):
            weights[name] = _with_transposed_parts(weights[name])
        self.parameters = {name: nn.Parameter(stack) for name, stack in weights.items()}
        buffers = [{k: b for k, b in m.named_buffers() if k in stored} for m in modules]
        self.buffers = _stack_by_name(buffers)
        for i, module in enumerate(modules):
            _make_views(module, weights | self.buffers, i)

    def detached(self) -> Tensors:
        """Return the parameters, detached from any graph."""
        return {name: p.detach() for name, p in self.parameters.items()}

    def release(self) -> None:
        """Give every member its own tensors again, matrices in the layout of a layer alone."""
        for model in self._models:
            for tensor in (*model.parameters(), *model.buffers()):
                layout = torch.contiguous_format if tensor.ndim == 2 else torch.preserve_format
                tensor.data = tensor.data.clone(memory_format=layout)


def _of_linear_layers(module: nn.Module) -> set[str]:
    """Return the names of the weights of linear layers."""
    layers = module.named_modules(remove_duplicate=False)
    return {f"{name}.weight" for name, layer in layers if isinstance(layer, nn.Linear)}


def _with_transposed_parts(stack: Tensor) -> Tensor:
    """Return the same stack, (S, out, in), with the parts' columns one after the other in memory.

    The gradient of a batch of linear layers is a product with this layout, and would be copied.
    """
    return stack.mT.contiguous().mT


def _stack_by_name(each: Sequence[Tensors]) -> Tensors:
    return {name: stack_tensors([tensors[name].detach() for tensors in each]) for name in each[0]}


def stack_tensors(tensors: Sequence[Tensor], like: Tensor | None = None) -> Tensor:
    """Stack tensors so that each part has the memory layout of the first tensor, or of ``like``'s.

    Dropout draws in memory order, which for images may have the channels last.
    """
    first = tensors[0] if like is None else like[0]
    shape, stride = (len(tensors), *first.shape), (first.numel(), *first.stride())
    stack = torch.empty_strided(shape, stride, dtype=first.dtype, device=first.device)
    for part, tensor in zip(stack, tensors, strict=True):
        part.copy_(tensor)
    return stack


def _make_views(module: nn.Module, stacks: Tensors, member: int) -> None:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if name in stacks:
            tensor.data = stacks[name][member]
