"""Collects the small tensors behind a model's figures, and makes those of images."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch

import genbench.evaluation.latent_figures  # noqa: F401  the import registers its figures
from genbench.core.capabilities import (
    Autoencodes,
    Conditions,
    ConditionsOnPixels,
    Generative,
    Samples,
    Variational,
)
from genbench.core.estimate import NotApplicableError
from genbench.core.figures import DEFAULT_FIGURES
from genbench.core.protocol import SplitName
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.drawing import sampled
from genbench.evaluation.figure_source import (
    FigureSource,
    Tensors,
    affordable,
    figure,
    figure_functions,
    to_bytes,
)
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.reconstruction import reconstruct
from genbench.evaluation.runner import eval_mode

N_SAMPLES = 64
N_RECONSTRUCTIONS = 16
N_PER_CLASS, N_CLASSES = 8, 20
N_IMAGES, N_COMPLETIONS = 10, 8
HIDDEN_GREY = 0.5
_DRAWS = Samples | Generative


@torch.no_grad()
def collect_figures(
    model: Any,
    dataset: Dataset,
    stream: Stream,
    figures: Sequence[str] = DEFAULT_FIGURES,
    split: SplitName = SPLIT,
) -> Tensors:
    """Return the tensors behind the report's figures, by name; what a model lacks is absent.

    A figure's tensors do not depend on other figures: each has its own stream.
    """
    source = FigureSource(model, *dataset.held_out(split), dataset.n_classes)
    tensors: Tensors = {}
    with eval_mode(model):
        for name in figures:
            with stream.child(name).seeded(), suppress(NotApplicableError):
                tensors |= figure_functions[name](source)
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


@figure("samples")
def samples(source: FigureSource) -> Tensors:
    """Draw images; a conditional model is given every label in turn."""
    model, n = source.model, affordable(N_SAMPLES, source.x, least=10)
    if isinstance(model, Conditions):
        labels = torch.arange(n, device=source.y.device) % source.n_classes
        model = model.given(labels)
    return {"samples": to_bytes(sampled(model, n))} if isinstance(model, _DRAWS) else {}


@figure("class_samples")
def class_samples(source: FigureSource) -> Tensors:
    """Draw several images of each of the first classes, (n_classes, n, C, H, W)."""
    if not isinstance(source.model, Conditions):
        return {}
    n_classes = min(N_CLASSES, source.n_classes)
    n = affordable(n_classes * N_PER_CLASS, source.x) // n_classes or 1
    labels = torch.arange(n_classes, device=source.y.device).repeat_interleave(n)
    view = source.model.given(labels)
    if not isinstance(view, _DRAWS):
        return {}
    images = sampled(view, len(labels))
    return {"class_samples": to_bytes(images).reshape(n_classes, n, *images.shape[1:])}


@figure("reconstructions")
def reconstructions(source: FigureSource) -> Tensors:
    """Show the first data and their reconstructions."""
    rows = slice(N_RECONSTRUCTIONS)
    view, x = source.view(rows), source.x[rows]
    if not isinstance(view, Autoencodes | Variational):
        return {}
    return {"originals": to_bytes(x), "reconstructions": to_bytes(reconstruct(view, x))}


@figure("completions")
def completions(source: FigureSource) -> Tensors:
    """Complete the first images several times, (n, k, C, H, W), or once without a latent.

    ``completion_shown`` (n, C, H, W) is grey where pixels are hidden; ``completion_originals`` are
    the images themselves.
    """
    model, rows = source.model, slice(N_IMAGES)
    if not isinstance(model, ConditionsOnPixels):
        return {}
    view, x = source.view(rows), source.x[rows]
    if not isinstance(view, Samples):
        return {}
    n_draws = N_COMPLETIONS if isinstance(view, Generative) else 1
    drawn = torch.stack([view.sample(len(x)) for _ in range(n_draws)], dim=1)  # (n, k, C, H, W)
    return {
        "completions": to_bytes(drawn),
        "completion_shown": to_bytes(torch.where(model.hidden(), HIDDEN_GREY, x)),
        "completion_originals": to_bytes(x),
    }
