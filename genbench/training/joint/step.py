"""One training step of all members; the counterpart of :mod:`genbench.training.step`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value

from genbench.core.objective import Batch, Objective
from genbench.data import Dataset
from genbench.training.guard import DivergedError, Guard
from genbench.training.joint.batched_call import BatchedCall
from genbench.training.joint.compatible import differing_fields
from genbench.training.joint.stacked_parameters import ObjectiveModule, StackedParameters, Tensors
from genbench.training.loop import Loop


class JointGuard(Guard):
    """A guard with a flag for each member.

    A diverged member goes on with numbers that are not finite, which reach no other member.
    """

    def __init__(self, update: str, n_members: int, device: torch.device) -> None:
        super().__init__(update, device)
        self.flag = self.flag.repeat(n_members)
        self.good_steps = self.good_steps.repeat(n_members)

    def first_bad_steps(self) -> list[int | None]:
        """Return each member's first bad step, or None; waits for the device."""
        pairs = zip(self.flag.tolist(), self.good_steps.tolist(), strict=True)
        return [int(step) if flag else None for flag, step in pairs]


def failures(guards: Sequence[JointGuard]) -> list[DivergedError | None]:
    """Return, for each member, the error with which it would have stopped alone, or None."""
    errors: list[DivergedError | None] = []
    for steps in zip(*(guard.first_bad_steps() for guard in guards), strict=True):
        bad = [(step, i) for i, step in enumerate(steps) if step is not None]
        step, i = min(bad, default=(0, None))
        errors.append(None if i is None else guards[i].error(step))
    return errors


class JointStep:
    """Every update on one batch of every member. It reads no value of a tensor.

    Attributes:
        device: Where parameters and data live.
        keys: What the objectives log, in the order of the rows that a call returns.
        guards: One per update.
        stack: Parameters, buffers and optimisers.
    """

    def __init__(self, loops: Sequence[Loop], data: Dataset) -> None:
        first = loops[0]
        self.data, self.updates, self.device = data, first.updates, first.step.device
        self.grad_clip = first.config.grad_clip
        self.stack = StackedParameters(loops)
        self.guards = [JointGuard(u.name, len(loops), self.device) for u in self.updates]
        self.keys: tuple[str, ...] = ()
        self.fields = [_per_member_fields(loops, which) for which in range(len(self.updates))]
        self._rates = [MemberRates(loops, which) for which in range(len(self.updates))]
        self._batch_call = BatchedCall(self._train_batch)
        module = self.stack.module
        self._gradient_calls = [
            [
                BatchedCall(gradients_of(module, u.objective), loss_of(module, u.objective))
                for _ in range(u.steps_per_batch)
            ]
            for u in self.updates
        ]
        self._generators: Sequence[torch.Generator] = ()

    def begin(self, generators: Sequence[torch.Generator], step: int) -> None:
        """Set the members' generators of an epoch's noise, and the number of its first step."""
        self._generators = generators
        for guard in self.guards:
            guard.begin(step)

    def prepare(self, step: int) -> None:
        """Draw the noise of a step and set its learning rates; this part is not recorded."""
        for call in self._calls():
            call.draw(self._generators)
        for rates, optimizer in zip(self._rates, self.stack.optimizers, strict=True):
            optimizer.param_groups[0]["lr"].fill_(rates.largest(step))

    def __call__(self, indices: Tensor, epoch: float | Tensor) -> Tensor:
        """Take the step and return what was logged, (len(keys), S).

        Args:
            indices: Training data of each member's batch, (S, B) int64, on the data's device.
            epoch: Progress of training in epochs.
        """
        # Each member's batch, with its own noise in the data.
        x, y = self._result(self._batch_call, None, indices)
        batch = Batch(x, y, epoch, indices)

        # Every update in turn, as often as it asks for; the last of its steps is logged.
        logged: Tensors = {}
        for which, update in enumerate(self.updates):
            for call in self._gradient_calls[which]:
                values = self._optimise(which, call, batch)
            logged |= {f"{update.name}.{key}": value for key, value in values.items()}

        # Members whose losses were all finite have taken a good step.
        for guard in self.guards:
            guard.count()
        self.keys = tuple(logged)
        return torch.stack(list(logged.values()))

    def tensors(self) -> list[Tensor]:
        """Return every tensor, apart from the data, that steps read and that changes."""
        of_guards = [tensor for guard in self.guards for tensor in guard.tensors()]
        noise = [tensor for call in self._calls() for tensor in call.drawn]
        return [*self.stack.tensors(), *of_guards, *noise]

    def _calls(self) -> list[BatchedCall]:
        return [self._batch_call, *(call for calls in self._gradient_calls for call in calls)]

    def _result(self, call: BatchedCall, setting: Any, *arguments: Any) -> tuple[Tensor, Any]:
        if not call.traced:
            call.trace(self._generators, setting, *arguments)
        return call(setting, *arguments)

    def _train_batch(self, setting: None, indices: Tensor) -> tuple[Tensor, Tensor]:
        batch = self.data.train_batch(indices)
        return batch.x, batch.y

    def _optimise(self, which: int, call: BatchedCall, batch: Batch) -> Tensors:
        # Losses and gradients of all members in one call.
        own, others = self.stack.split(which)
        data = {"x": batch.x, "y": batch.y, "indices": batch.indices}
        arguments = (own, others, self.stack.buffers, data, self.fields[which])
        losses, (gradients, logged, buffers) = self._result(call, batch.epoch, *arguments)

        # Batch statistics and other buffers: the call is pure and returns their new values.
        for name, buffer in self.stack.buffers.items():
            buffer.copy_(buffers[name])

        # Flag members whose loss or gradient is not finite.
        self.guards[which].watch(losses)
        if self.grad_clip is not None:
            gradients, norms = clip_gradients(gradients, self.grad_clip)
            self.guards[which].watch(norms)

        # One optimiser step over the stacked parameters.
        self._rates[which].descend(self.stack, which, gradients)
        return {"loss": losses, **logged}


class MemberRates:
    """The learning rates of an update: the largest, and each member's share of it.

    An optimiser's step is proportional to the learning rate. Where rates differ, the optimiser
    takes the step of the largest rate, and each member keeps its share of it.
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

    def largest(self, step: int) -> float:
        """Return the largest learning rate at a step."""
        return self._fastest.rate(step) * self._scale

    @torch.no_grad()
    def descend(self, stack: StackedParameters, which: int, gradients: Tensors) -> None:
        """Take the optimiser's step along the gradients, by name."""
        parameters = [stack.parameters[name] for name in stack.names[which]]
        for name, parameter in zip(stack.names[which], parameters, strict=True):
            parameter.grad = _in_layout_of(parameter, gradients[name])
        starts = [] if self._shares is None else [p.clone() for p in parameters]
        stack.optimizers[which].step()
        if self._shares is not None:
            for parameter, start in zip(parameters, starts, strict=True):
                share = self._shares.reshape(-1, *[1] * (start.ndim - 1)).to(start.dtype)
                parameter.copy_(torch.lerp(start, parameter, share))


def _in_layout_of(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient in its parameter's memory layout, which fused steps require."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def clip_gradients(gradients: Tensors, max_norm: float) -> tuple[Tensors, Tensor]:
    """Scale each member's gradients to a norm of at most ``max_norm``; return the old norms, (S,).

    The counterpart of ``torch.nn.utils.clip_grad_norm_``, with the same constant in the quotient.
    """
    each = [torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in gradients.values()]
    norms = torch.linalg.vector_norm(torch.stack(each), dim=0)
    factors = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    scaled = {k: g * factors.reshape(-1, *[1] * (g.ndim - 1)) for k, g in gradients.items()}
    return scaled, norms


def gradients_of(
    module: ObjectiveModule, objective: Objective
) -> Callable[..., tuple[Tensor, Any]]:
    """Return a pure function from one member's tensors to its loss, gradients and buffers."""

    def gradients(
        epoch: Any, own: Tensors, others: Tensors, buffers: Tensors, data: Tensors, fields: Tensors
    ) -> tuple[Tensor, tuple[Tensors, Tensors, Tensors]]:
        def loss(own: Tensors) -> tuple[Tensor, tuple[Tensors, Tensors]]:
            moved = {name: buffer.clone() for name, buffer in buffers.items()}
            arguments = (with_fields(objective, fields), Batch(**data, epoch=epoch))
            result = functional_call(module, own | others | moved, arguments)
            return result.value, (dict(result.logged), moved)

        slopes, (value, (logged, moved)) = grad_and_value(loss, has_aux=True)(own)
        return value, (slopes, logged, moved)

    return gradients


def loss_of(module: ObjectiveModule, objective: Objective) -> Callable[..., Tensor]:
    """Return a function from one member's tensors to its loss, computed as in training alone.

    It may change its buffers in place, so it is called on copies.
    """

    def loss(
        epoch: Any, own: Tensors, others: Tensors, buffers: Tensors, data: Tensors, fields: Tensors
    ) -> Tensor:
        tensors = {k: p.requires_grad_() for k, p in (own | others).items()}
        arguments = (with_fields(objective, fields), Batch(**data, epoch=epoch))
        value: Tensor = functional_call(module, tensors | buffers, arguments).value
        return value

    return loss


def with_fields(objective: Objective, fields: Tensors) -> Objective:
    """Return an objective with a member's own values of its ``per_member`` fields."""
    return replace(objective, **fields) if fields else objective  # type: ignore[type-var]


def _per_member_fields(loops: Sequence[Loop], which: int) -> Tensors:
    """Return the fields in which the members' objectives differ, each (S,)."""
    values = differing_fields([loop.updates[which].objective for loop in loops])
    device = loops[0].step.device
    return {k: torch.tensor(v, dtype=torch.float64, device=device) for k, v in values.items()}
