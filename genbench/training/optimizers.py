"""The optimiser of an update, from the training configuration."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from genbench.core.registry import Registry
from genbench.training.config import TrainConfig
from genbench.training.divided_adam import DividedAdam
from genbench.training.fused_adam import FusedAdam
from genbench.training.update import Update

_Optimizers = Registry[Callable[..., torch.optim.Optimizer]]


def make_optimizer(update: Update, config: TrainConfig) -> torch.optim.Optimizer:
    """Return a fused Adam, Adagrad or gradient descent with momentum over the update's parameters.

    The learning rate is a tensor on their device, so a recorded step can read a new value.

    Raises:
        ConfigError: The optimiser is unknown.
    """
    device = update.parameters[0].device
    start = config.learning_rate * update.learning_rate_scale
    rate = torch.tensor(start, dtype=rate_dtype(device), device=device)
    decay = update.weight_decay + config.weight_decay
    make = _known(update, config, device)[config.optimizer]
    return make(update.parameters, lr=rate, weight_decay=decay, fused=True)


def _known(update: Update, config: TrainConfig, device: torch.device) -> _Optimizers:
    """Return the optimisers by name, as they are best on a device."""
    on_cuda = device.type == "cuda"
    adam = partial(
        DividedAdam if on_cuda else FusedAdam,
        betas=update.betas,
        eps=config.adam_epsilon,
        capturable=on_cuda,
    )
    sgd = partial(torch.optim.SGD, momentum=config.momentum)
    adagrad = torch.optim.Adagrad if device.type == "cpu" else UnfusedAdagrad
    return Registry("optimizer", {"adam": adam, "sgd": sgd, "adagrad": adagrad})


class UnfusedAdagrad(torch.optim.Adagrad):
    """Adagrad for devices without a fused kernel; like one, it skips steps by ``found_inf``.

    It is a function of tensors and can be captured. The number of steps is not counted: it only
    matters to a decay of the learning rate, which is not used.
    """

    found_inf: Tensor | None = None

    def __init__(
        self, params: Sequence[Tensor], lr: Tensor, weight_decay: float, fused: bool
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step along the gradients, or not at all while ``found_inf`` is set."""
        group = self.param_groups[0]
        for parameter in (p for p in group["params"] if p.grad is not None):
            slope = parameter.grad.add(parameter, alpha=group["weight_decay"])
            if self.found_inf is not None:
                slope.masked_fill_(self.found_inf.bool(), 0.0)
            total = self.state[parameter]["sum"]
            total.addcmul_(slope, slope)
            scale = total.sqrt().add_(group["eps"])
            parameter.sub_(slope.mul_(group["lr"]).div_(scale))


def in_layout_of(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient in its parameter's memory layout, which fused steps require."""
    if gradient.stride() == parameter.stride():
        return gradient
    strides = zip(parameter.shape, gradient.stride(), parameter.stride(), strict=True)
    if all(n == 1 or one == other for n, one, other in strides):  # the same order in memory
        return gradient.as_strided(parameter.shape, parameter.stride())
    return torch.empty_like(parameter).copy_(gradient)


def rate_dtype(device: torch.device) -> torch.dtype:
    """Return the type in which fused kernels read learning rates."""
    return torch.float64 if device.type == "cpu" else torch.float32


def set_rate(optimizer: torch.optim.Optimizer, rate: Tensor) -> None:
    """Let the optimiser read its learning rate from a tensor () on its device."""
    optimizer.param_groups[0]["lr"] = rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return every tensor of an optimiser's state."""
    states = (state.values() for state in optimizer.state.values())
    return [value for values in states for value in values if isinstance(value, Tensor)]
