"""pythae with the same network, if it is installed (extra ``bench``); imported only when used."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from genbench.bench.settings import Case
from genbench.bench.textbook import RIVAL_STEPS, mlp
from genbench.bench.timing import Contender
from genbench.data import Dataset

NLL_BATCH = 100
"""Draws that ``get_nll`` decodes at once by default."""


def installed() -> bool:
    """Return whether pythae can be imported."""
    return find_spec("pythae") is not None


def pythae_contender(case: Case, data: Dataset, device: torch.device) -> Contender | None:
    """Return pythae's training of a VAE, or its bound for a few images: it is slow."""
    if case.recipe != "vae" or case.task not in ("train", "iw") or not installed():
        return None
    training = case.task == "train"
    n = case.batch_size * RIVAL_STEPS if training else min(case.batch_size, RIVAL_STEPS)
    x = data.levels[:n].float() / (data.n_levels - 1)
    return train(case, x, device) if training else bound(case, x, device)


def train(case: Case, x: Tensor, device: torch.device) -> Contender:
    """Return one epoch of its trainer over x (N, 1, H, W) in [0, 1]."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    images = BaseDataset(x.cpu(), torch.zeros(len(x)))
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=1,
            per_device_train_batch_size=case.batch_size,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            no_cuda=device.type != "cuda",
        )
        model = vae(x.shape[1:], case.hidden, case.latent_dim)
        trainer = _quietly(lambda: BaseTrainer(model, images, training_config=config))
        _quietly(trainer.prepare_training)

    def call() -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            trainer.train_step(epoch=1)

    return Contender(call, len(x))


def _quietly(function: Callable[[], Any]) -> Any:
    """Call ``function`` without its log messages."""
    logging.disable(logging.INFO)
    try:
        return function()
    finally:
        logging.disable(logging.NOTSET)


def bound(case: Case, x: Tensor, device: torch.device) -> Contender | None:
    """Return its ``get_nll`` with K draws for each of x, or None if K is not a multiple of 100.

    It decodes whole batches only: any other K would be rounded.
    """
    if case.n_samples % NLL_BATCH:
        return None
    model = vae(x.shape[1:], case.hidden, case.latent_dim).to(device).eval()

    @torch.no_grad()
    def call() -> object:
        return model.get_nll(x, n_samples=case.n_samples, batch_size=NLL_BATCH)

    return Contender(call, len(x) * case.n_samples)


def vae(shape: Sequence[int], hidden: Sequence[int], latent_dim: int) -> Any:
    """Return pythae's VAE of these sizes with Bernoulli pixels, in the classes that it requires."""
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    n_pixels = torch.Size(shape).numel()

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = (n_pixels, *hidden)
            self.body = nn.Sequential(mlp(sizes), nn.ReLU())
            self.mean, self.log_variance = (nn.Linear(sizes[-1], latent_dim) for _ in range(2))

        def forward(self, x: Tensor) -> Any:
            features = self.body(x.flatten(1))
            mean, log_variance = self.mean(features), self.log_variance(features)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(mlp((latent_dim, *reversed(hidden), n_pixels)), nn.Sigmoid())

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.body(z).reshape(-1, *shape))

    config = VAEConfig(input_dim=tuple(shape), latent_dim=latent_dim, reconstruction_loss="bce")
    return VAE(config, Encoder(), Decoder())
