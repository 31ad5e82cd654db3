"""The optimiser of an update, from the training configuration."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from genbench.core.registry import Registry
from genbench.training.config import TrainConfig
from genbench.training.update import Update


def make_optimizer(update: Update, config: TrainConfig) -> torch.optim.Optimizer:
    """Return a fused Adam, Adagrad or gradient descent with momentum over the update's parameters.

    The learning rate is a tensor on their device, so a recorded step can read a new value.

    Raises:
        ConfigError: The optimiser is unknown.
    """
    device = update.parameters[0].device
    on_cuda = device.type == "cuda"
    dtype = torch.float64 if device.type == "cpu" else torch.float32  # as fused kernels expect
    start = config.learning_rate * update.learning_rate_scale
    rate = torch.tensor(start, dtype=dtype, device=device)
    decay = update.weight_decay + config.weight_decay
    adam = partial(
        torch.optim.Adam, betas=update.betas, eps=config.adam_epsilon, capturable=on_cuda
    )
    sgd = partial(torch.optim.SGD, momentum=config.momentum)
    optimizers: Registry[Callable[..., torch.optim.Optimizer]] = Registry(
        "optimizer", {"adam": adam, "sgd": sgd, "adagrad": torch.optim.Adagrad}
    )
    return optimizers[config.optimizer](update.parameters, lr=rate, weight_decay=decay, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Return the learning rate and every tensor of an optimiser's state."""
    states = (state.values() for state in optimizer.state.values())
    tensors = [value for values in states for value in values if isinstance(value, Tensor)]
    return [optimizer.param_groups[0]["lr"], *tensors]
