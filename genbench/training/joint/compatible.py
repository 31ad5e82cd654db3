"""Which runs can be trained jointly: those that differ only in tensors and a few numbers."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genbench.core.objective import Objective
from genbench.training.loop import Loop
from genbench.training.update import Update

_MODULE_INTERNALS = frozenset(vars(nn.Module()))
_COMPARABLE = (bool, int, float, str, tuple, list, type(None), torch.dtype, torch.device)


def compatible_groups(loops: Sequence[Loop]) -> list[list[int]]:
    """Divide runs, by their indices, into groups that can be trained jointly."""
    groups: list[list[int]] = []
    for index, loop in enumerate(loops):
        group = next((g for g in groups if compatible(loops[g[0]], loop)), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    return groups


def compatible(a: Loop, b: Loop) -> bool:
    """Return whether two runs are the same computation on different tensors.

    They may differ in seed, weights, data order, noise, learning rates, and in the fields of their
    objectives that are marked ``per_member``. Objectives are compared by value: frozen dataclasses
    and plain functions can be equal, functions defined inside another function never are.
    """
    same_rate = {"learning_rate": 1.0}
    return (
        a.data is b.data
        and a.config.model_copy(update=same_rate) == b.config.model_copy(update=same_rate)
        and len(a.updates) == len(b.updates)
        and all(_same_update(a, b, u, v) for u, v in zip(a.updates, b.updates, strict=True))
        and _same_modules(a.model, b.model)
    )


def differing_fields(objectives: Sequence[Objective]) -> dict[str, list[float]]:
    """Return the ``per_member`` fields in which objectives differ, with one value per member."""
    marked = _per_member_fields(objectives[0])
    values = {name: [float(getattr(o, name)) for o in objectives] for name in marked}
    return {name: each for name, each in values.items() if len(set(each)) > 1}


def _same_update(a: Loop, b: Loop, u: Update, v: Update) -> bool:
    names = _parameter_names(a, u)
    return (
        None not in names
        and names == _parameter_names(b, v)
        and (u.name, u.betas, u.weight_decay) == (v.name, v.betas, v.weight_decay)
        and (u.steps_per_batch, u.validates) == (v.steps_per_batch, v.validates)
        and _same_objective(u.objective, v.objective)
    )


def _parameter_names(loop: Loop, update: Update) -> list[str | None]:
    """Return the names of an update's parameters in the model, None for those outside it."""
    name_of = {id(p): name for name, p in loop.model.named_parameters()}
    return [name_of.get(id(p)) for p in update.parameters]


def _same_objective(a: Any, b: Any) -> bool:
    if type(a) is not type(b) or not is_dataclass(a):
        return bool(a == b)
    marked = _per_member_fields(a)
    rest = [field.name for field in fields(a) if field.name not in marked]
    return all(getattr(a, name) == getattr(b, name) for name in rest)


def _per_member_fields(objective: Any) -> list[str]:
    if not is_dataclass(objective):
        return []
    return [field.name for field in fields(objective) if field.metadata.get("per_member")]


def _same_modules(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = dict(a.named_modules()), dict(b.named_modules())
    return ours.keys() == theirs.keys() and all(
        type(ours[name]) is type(theirs[name]) and _same_contents(ours[name], theirs[name])
        for name in ours
    )


def _same_contents(a: nn.Module, b: nn.Module) -> bool:
    """Compare stored tensors by shape; other tensors and plain attributes by value."""
    stored = a.state_dict()
    tensors = [
        (dict([*m.named_parameters(recurse=False), *m.named_buffers(recurse=False)]))
        for m in (a, b)
    ]
    settings = [{k: v for k, v in vars(m).items() if k not in _MODULE_INTERNALS} for m in (a, b)]
    return (
        tensors[0].keys() == tensors[1].keys()
        and settings[0].keys() == settings[1].keys()
        and all(_same_tensor(t, tensors[1][k], k in stored) for k, t in tensors[0].items())
        and all(_same_setting(v, settings[1][k]) for k, v in settings[0].items())
    )


def _same_tensor(a: Tensor, b: Tensor, stored: bool) -> bool:
    if (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device):
        return False
    return stored or torch.equal(a, b)


def _same_setting(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _COMPARABLE) and bool(a == b))
