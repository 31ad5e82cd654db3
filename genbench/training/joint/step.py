"""One step of training of all members; the counterpart of :mod:`genbench.training.step`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value

from genbench.core.objective import Batch, Objective
from genbench.data import Dataset
from genbench.training.guard import DivergedError, Guard
from genbench.training.joint.batched_call import JointCall
from genbench.training.joint.compatible import differing_fields
from genbench.training.joint.stacked_parameters import Caller, Named, Stack
from genbench.training.loop import Loop


class Watch(Guard):
    """A guard with a flag for each member.

    A diverged member goes on as numbers that are not finite, which reach no other member.
    """

    def __init__(self, update: str, n_members: int, device: torch.device) -> None:
        super().__init__(update, device)
        self.flag = self.flag.repeat(n_members)
        self.good_steps = self.good_steps.repeat(n_members)

    def first_bad_steps(self) -> list[int | None]:
        """Return each member's first bad step, or None; waits for the device."""
        pairs = zip(self.flag.tolist(), self.good_steps.tolist(), strict=True)
        return [int(step) if flag else None for flag, step in pairs]


def failures(watches: Sequence[Watch]) -> list[DivergedError | None]:
    """Return the error with which each member, alone, would have stopped."""
    found: list[DivergedError | None] = []
    for steps in zip(*(watch.first_bad_steps() for watch in watches), strict=True):
        bad = [(step, which) for which, step in enumerate(steps) if step is not None]
        step, which = min(bad, default=(0, None))
        name = "" if which is None else watches[which].update
        told = f"the loss of '{name}' is not finite at step {step}"
        found.append(None if which is None else DivergedError(told))
    return found


class JointStep:
    """Every update on one batch of every member. It reads no value of a tensor.

    Attributes:
        device: Where parameters and data live.
        keys: What the objectives log, in the order of the rows that a call returns.
        watches: One per update.
        stack: Parameters, buffers and optimisers.
    """

    def __init__(self, loops: Sequence[Loop], data: Dataset) -> None:
        first = loops[0]
        self.data, self.updates, self.device = data, first.updates, first.step.device
        self.grad_clip = first.config.grad_clip
        self.stack = Stack(loops)
        self.watches = [Watch(u.name, len(loops), self.device) for u in self.updates]
        self.keys: tuple[str, ...] = ()
        self.fields = [_per_member(loops, which) for which in range(len(self.updates))]
        self._pace = [Pace(loops, which) for which in range(len(self.updates))]
        self._serve = JointCall(self._train_batch)
        caller = self.stack.caller
        self._calls = [
            [
                JointCall(gradients_of(caller, u.objective), loss_of(caller, u.objective))
                for _ in range(u.steps_per_batch)
            ]
            for u in self.updates
        ]
        self._generators: Sequence[torch.Generator] = ()

    def begin(self, generators: Sequence[torch.Generator], step: int) -> None:
        """Say where the noise of an epoch comes from, and which step comes next."""
        self._generators = generators
        for watch in self.watches:
            watch.begin(step)

    def prepare(self, step: int) -> None:
        """Draw the noise of a step and set its learning rates, outside of what is recorded."""
        for call in self._all_calls():
            call.draw(self._generators)
        for pace, optimizer in zip(self._pace, self.stack.optimizers, strict=True):
            optimizer.param_groups[0]["lr"].fill_(pace.rate(step))

    def __call__(self, indices: Tensor, epoch: float | Tensor) -> Tensor:
        """Take the step and return what was logged, (len(keys), S).

        Args:
            indices: Training data of each member's batch, (S, B) int64, on the data's device.
            epoch: Progress of training in epochs.
        """
        x, y = self._result(self._serve, None, indices)
        logged: dict[str, Tensor] = {}
        for which, update in enumerate(self.updates):
            for call in self._calls[which]:
                values = self._optimise(which, call, Batch(x, y, epoch, indices))
            logged |= {f"{update.name}.{key}": value for key, value in values.items()}
        for watch in self.watches:
            watch.count()
        self.keys = tuple(logged)
        return torch.stack(list(logged.values()))

    def tensors(self) -> list[Tensor]:
        """Return every tensor that a step reads and that changes between steps, data aside."""
        found = [*self.stack.tensors()]
        found += [tensor for watch in self.watches for tensor in watch.tensors()]
        return found + [noise for call in self._all_calls() for noise in call.drawn]

    def _all_calls(self) -> list[JointCall]:
        return [self._serve, *(call for calls in self._calls for call in calls)]

    def _result(self, call: JointCall, setting: Any, *arguments: Any) -> tuple[Tensor, Any]:
        if not call.ready:
            call.rehearse(self._generators, setting, *arguments)
        return call(setting, *arguments)

    def _train_batch(self, setting: None, indices: Tensor) -> tuple[Tensor, Tensor]:
        batch = self.data.train_batch(indices)
        return batch.x, batch.y

    def _optimise(self, which: int, call: JointCall, batch: Batch) -> Named:
        own, others = self.stack.values(which)
        data = {"x": batch.x, "y": batch.y, "indices": batch.indices}
        arguments = (own, others, self.stack.buffers, data, self.fields[which])
        losses, (gradients, logged, buffers) = self._result(call, batch.epoch, *arguments)
        for name, buffer in self.stack.buffers.items():
            buffer.copy_(buffers[name])
        self.watches[which].watch(losses)
        if self.grad_clip is not None:
            gradients, norms = clipped(gradients, self.grad_clip)
            self.watches[which].watch(norms)
        self._pace[which].descend(self.stack, which, gradients)
        return {"loss": losses, **logged}


class Pace:
    """The learning rates of an update: the largest, and each member's share of it.

    A step is in proportion to the rate. Where rates differ, the optimiser takes the step of the
    largest, and each member goes its share of the way.
    """

    def __init__(self, loops: Sequence[Loop], which: int) -> None:
        rates = [
            loop.config.learning_rate * loop.updates[which].learning_rate_scale for loop in loops
        ]
        self._fastest = loops[rates.index(max(rates))]
        self._scale = self._fastest.updates[which].learning_rate_scale
        shares = torch.tensor([rate / max(rates) for rate in rates], dtype=torch.float64)
        differ = min(rates) < max(rates)
        self._shares = shares.to(loops[0].step.device) if differ else None

    def rate(self, step: int) -> float:
        """Return the largest learning rate at a step."""
        return self._fastest.rate(step) * self._scale

    @torch.no_grad()
    def descend(self, stack: Stack, which: int, gradients: Named) -> None:
        """Take the optimiser's step along the gradients, by name."""
        parameters = [stack.parameters[name] for name in stack.names[which]]
        for name, parameter in zip(stack.names[which], parameters, strict=True):
            parameter.grad = _laid_out(gradients[name], parameter)
        starts = [] if self._shares is None else [p.clone() for p in parameters]
        stack.optimizers[which].step()
        if self._shares is not None:
            for parameter, start in zip(parameters, starts, strict=True):
                share = self._shares.reshape(-1, *[1] * (start.ndim - 1)).to(start.dtype)
                parameter.copy_(torch.lerp(start, parameter, share))


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Return the gradient in its parameter's memory layout, as the fused step wants it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def clipped(gradients: Named, most: float) -> tuple[Named, Tensor]:
    """Scale each member's gradients to a norm of at most ``most``; return the norms before, (S,).

    The counterpart of ``torch.nn.utils.clip_grad_norm_``, with the same constant in the quotient.
    """
    each = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients.values()]
    norms = torch.linalg.vector_norm(torch.stack(each), dim=0)
    factors = (most / (norms + 1e-6)).clamp(max=1.0)
    scaled = {k: g * factors.reshape(-1, *[1] * (g.ndim - 1)) for k, g in gradients.items()}
    return scaled, norms


def gradients_of(caller: Caller, objective: Objective) -> Callable[..., tuple[Tensor, Any]]:
    """Return a pure function from one member's tensors to its loss, gradients and buffers."""

    def gradients(
        epoch: Any, own: Named, others: Named, buffers: Named, data: Named, fields: Named
    ) -> tuple[Tensor, tuple[Named, Named, Named]]:
        def loss(own: Named) -> tuple[Tensor, tuple[Named, Named]]:
            moved = {name: buffer.clone() for name, buffer in buffers.items()}
            arguments = (with_fields(objective, fields), Batch(**data, epoch=epoch))
            found = functional_call(caller, own | others | moved, arguments)
            return found.value, (dict(found.logged), moved)

        slopes, (value, (logged, moved)) = grad_and_value(loss, has_aux=True)(own)
        return value, (slopes, logged, moved)

    return gradients


def loss_of(caller: Caller, objective: Objective) -> Callable[..., Tensor]:
    """Return a function from one member's tensors to its loss, as training alone has it.

    It is called on copies, whose buffers may move.
    """

    def loss(
        epoch: Any, own: Named, others: Named, buffers: Named, data: Named, fields: Named
    ) -> Tensor:
        tensors = {k: p.requires_grad_() for k, p in (own | others).items()}
        arguments = (with_fields(objective, fields), Batch(**data, epoch=epoch))
        value: Tensor = functional_call(caller, tensors | buffers, arguments).value
        return value

    return loss


def with_fields(objective: Objective, fields: Named) -> Objective:
    """Return an objective with a member's own numbers in it."""
    return replace(objective, **fields) if fields else objective  # type: ignore[type-var]


def _per_member(loops: Sequence[Loop], which: int) -> Named:
    """Return the numbers in which the members' objectives differ, each (S,)."""
    found = differing_fields([loop.updates[which].objective for loop in loops])
    device = loops[0].step.device
    return {k: torch.tensor(v, dtype=torch.float64, device=device) for k, v in found.items()}
