"""pythae with the same network, if it is installed (extra ``bench``)."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from genbench.bench.timing import Contender

NLL_BATCH = 100
"""Draws that ``get_nll`` decodes at once, by its own default."""


def installed() -> bool:
    """Say whether pythae can be imported."""
    return find_spec("pythae") is not None


def _quietly(function: Callable[[], Any]) -> Any:
    """Call ``function`` without its log messages."""
    logging.disable(logging.INFO)
    try:
        return function()
    finally:
        logging.disable(logging.NOTSET)


def training(
    hidden: Sequence[int], latent_dim: int, batch_size: int, x: Tensor, device: torch.device
) -> Contender:
    """Return one epoch of its trainer over x (N, 1, H, W) in [0, 1]."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    from genbench.bench import pythae_network

    images = BaseDataset(x.cpu(), torch.zeros(len(x)))
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            per_device_train_batch_size=batch_size,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=device.type != "cuda",
        )
        model = pythae_network.vae(x.shape[1:], hidden, latent_dim)
        trainer = _quietly(lambda: BaseTrainer(model, images, training_config=config))
        _quietly(trainer.prepare_training)

    def call() -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            trainer.train_step(epoch=1)

    return Contender(call, len(x))


def bound(
    hidden: Sequence[int], latent_dim: int, n_samples: int, x: Tensor, device: torch.device
) -> Contender | None:
    """Return its ``get_nll`` with K draws for each of x, or None if K is not a multiple of 100.

    It decodes whole batches only: with any other K it would draw more or fewer than asked.
    """
    if n_samples % NLL_BATCH:
        return None
    from genbench.bench import pythae_network

    model = pythae_network.vae(x.shape[1:], hidden, latent_dim).to(device).eval()

    @torch.no_grad()
    def call() -> object:
        return model.get_nll(x, n_samples=n_samples, batch_size=NLL_BATCH)

    return Contender(call, len(x) * n_samples)
