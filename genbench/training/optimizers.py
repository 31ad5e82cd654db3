"""The optimiser of an update, as the training configuration asks for it."""

import torch
from torch import Tensor

from genbench.training.config import TrainConfig
from genbench.training.update import Update


def make_optimizer(update: Update, config: TrainConfig) -> torch.optim.Optimizer:
    """Return a fused Adam, Adagrad or descent with momentum over the update's parameters.

    The learning rate is a tensor beside them, so that a recorded step can be told another one.
    """
    device = update.parameters[0].device
    rate = _rate(config.learning_rate * update.learning_rate_scale, device)
    decay = update.weight_decay + config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            update.parameters, rate, config.momentum, weight_decay=decay, fused=True
        )
    if config.optimizer == "adagrad":
        return torch.optim.Adagrad(update.parameters, rate, weight_decay=decay, fused=True)
    return torch.optim.Adam(
        update.parameters,
        rate,
        update.betas,
        config.adam_epsilon,
        weight_decay=decay,
        capturable=device.type == "cuda",
        fused=True,
    )


def _rate(value: float, device: torch.device) -> Tensor:
    """Return a learning rate in the precision that the device's fused kernels read."""
    dtype = torch.float64 if device.type == "cpu" else torch.float32
    return torch.tensor(value, dtype=dtype, device=device)
