"""The optimiser of an update, as the training configuration asks for it."""

import torch

from genbench.training.config import TrainConfig
from genbench.training.update import Update


def make_optimizer(update: Update, config: TrainConfig) -> torch.optim.Optimizer:
    """Return a fused Adam or descent with momentum over the update's parameters."""
    rate = config.learning_rate * update.learning_rate_scale
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            update.parameters, rate, config.momentum, weight_decay=update.weight_decay, fused=True
        )
    return torch.optim.Adam(
        update.parameters,
        rate,
        update.betas,
        config.adam_epsilon,
        weight_decay=update.weight_decay,
        fused=True,
    )
