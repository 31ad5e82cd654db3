"""What the figures of a report show of one model, as small tensors: samples and reconstructions."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import genbench.evaluation.completions
import genbench.evaluation.latent_pictures  # noqa: F401  the imports register their pictures
from genbench.core.capabilities import Autoencodes, Conditions, Samples
from genbench.core.figures import DEFAULT_FIGURES
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.reconstruction import reconstruct
from genbench.evaluation.runner import eval_mode
from genbench.evaluation.shown import Shown, Tensors, picture, pictures, to_bytes

N_SAMPLES = 64
N_RECONSTRUCTIONS = 16
N_PER_CLASS = 8


@torch.no_grad()
def collect_pictures(
    model: Any, dataset: Dataset, stream: Stream, figures: Sequence[str] = DEFAULT_FIGURES
) -> Tensors:
    """Return the tensors that the report's figures need, by name; what a model lacks is absent.

    A figure's tensors do not depend on which others are made: each has a stream of its own.
    """
    shown = Shown(model, *dataset.held_out("test"), dataset.n_classes)
    found: dict[str, Tensor] = {}
    with eval_mode(model):
        for name in figures:
            with stream.child(name).seeded():
                found |= pictures[name](shown)
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}


@picture("samples")
def samples(shown: Shown) -> Tensors:
    """Draw images; a conditional model is given every label in turn."""
    model = shown.model
    if isinstance(model, Conditions):
        labels = torch.arange(N_SAMPLES, device=shown.y.device) % shown.n_classes
        model = model.given(labels)
    return {"samples": to_bytes(model.sample(N_SAMPLES))} if isinstance(model, Samples) else {}


@picture("class_samples")
def class_samples(shown: Shown) -> Tensors:
    """Draw several images of each class, (n_classes, n, C, H, W)."""
    if not isinstance(shown.model, Conditions):
        return {}
    labels = torch.arange(shown.n_classes, device=shown.y.device).repeat_interleave(N_PER_CLASS)
    images: Tensor = shown.model.given(labels).sample(len(labels))
    by_class = to_bytes(images).reshape(shown.n_classes, N_PER_CLASS, *images.shape[1:])
    return {"class_samples": by_class}


@picture("reconstructions")
def reconstructions(shown: Shown) -> Tensors:
    """Show the first data and what the model rebuilds of them."""
    rows = slice(N_RECONSTRUCTIONS)
    view, x = shown.view(rows), shown.x[rows]
    if not isinstance(view, Autoencodes):
        return {}
    return {"originals": to_bytes(x), "reconstructions": to_bytes(reconstruct(view, x))}
