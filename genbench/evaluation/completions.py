"""Figures of models that complete images."""

import torch

from genbench.core.capabilities import ConditionsOnPixels, Generative, Samples
from genbench.evaluation.figure_source import FigureSource, Tensors, figure, to_bytes

N_IMAGES, N_COMPLETIONS = 10, 8
HIDDEN_GREY = 0.5


@figure("completions")
def completions(source: FigureSource) -> Tensors:
    """Complete the first images several times, (n, k, C, H, W); a model without a latent does once.

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
