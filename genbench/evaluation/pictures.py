"""What the figures of a report show of one model, as small tensors.

Images are stored as 8-bit intensities. Nothing is picked out: the first data of the test split and
the first draws of a named stream.
"""

from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Autoencodes, Conditions, Samples, Variational, bind
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.reconstruction import reconstruct
from genbench.inference.bounds import kl_terms, posterior_of, prior_of

N_SAMPLES = 64
N_RECONSTRUCTIONS = 16
N_PER_CLASS = 8
N_LATENT = 2000


@torch.no_grad()
def collect_pictures(model: Any, dataset: Dataset, stream: Stream) -> dict[str, Tensor]:
    """Return the tensors that the report's figures need, by name; what a model lacks is absent."""
    x, y = dataset.held_out("test")
    found: dict[str, Tensor] = {}
    with stream.child("samples").seeded():
        if isinstance(model, Conditions):
            found |= _class_samples(model, dataset, x.device)
        elif isinstance(model, Samples):
            found["samples"] = _to_bytes(model.sample(N_SAMPLES))
    view = bind(model, y[:N_RECONSTRUCTIONS])
    if isinstance(view, Autoencodes):
        found["originals"] = _to_bytes(x[:N_RECONSTRUCTIONS])
        found["reconstructions"] = _to_bytes(reconstruct(view, x[:N_RECONSTRUCTIONS]))
    if isinstance(bind(model, y[:N_LATENT]), Variational):
        found |= _latent(bind(model, y[:N_LATENT]), x[:N_LATENT], y[:N_LATENT])
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}


def _to_bytes(images: Tensor) -> Tensor:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def _class_samples(model: Conditions, dataset: Dataset, device: torch.device) -> dict[str, Tensor]:
    labels = torch.arange(dataset.n_classes, device=device)
    grid = model.given(labels.repeat_interleave(N_PER_CLASS)).sample(len(labels) * N_PER_CLASS)
    mixed = model.given(labels.repeat(N_SAMPLES)[:N_SAMPLES]).sample(N_SAMPLES)
    by_class = grid.unflatten(0, (dataset.n_classes, N_PER_CLASS))
    return {"class_samples": _to_bytes(by_class), "samples": _to_bytes(mixed)}


def _latent(model: Variational, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Posterior means in the two most active dimensions: those with the largest mean KL.

    Where the KL has no parts, those whose means vary most over the data.
    """
    q = posterior_of(model, x)
    means = q.mean.flatten(1).float()
    parts = kl_terms(q, prior_of(model))[1]
    activity = means.var(dim=0) if parts is None else parts.mean(dim=0)
    dims = activity.topk(min(2, means.shape[1])).indices
    return {"latent_means": means[:, dims], "latent_labels": y, "latent_dims": dims}
