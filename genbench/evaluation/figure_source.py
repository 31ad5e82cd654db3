"""What the figures of a model are made from, and the registry of functions that make them.

Each function maps a model and held-out data to small named tensors; what a model cannot do is left
out. Images are stored as 8-bit intensities. Nothing is cherry-picked: figures show the first data
of the split, or the first of each label.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Autoencodes, Decodes, HasPrior, Variational, bind
from genbench.core.registry import Registry
from genbench.core.tensors import mean_of, support_of
from genbench.inference.bounds import posterior_of, prior_of

Tensors = dict[str, Tensor]
MOST_NUMBERS = 5_000_000
"""In one figure of a model: what is stored with each run stays small."""


@dataclass(frozen=True)
class FigureSource:
    """A model, and the data shown in its figures: x (N, C, H, W), y (N,)."""

    model: Any
    x: Tensor
    y: Tensor
    n_classes: int

    def view(self, rows: slice | Tensor) -> Any:
        """Return the model; a conditional one with the labels or pixels of these rows bound."""
        return bind(self.model, self.y[rows], self.x[rows])


FigureFunction = Callable[[FigureSource], Tensors]
figure_functions: Registry[FigureFunction] = Registry("figure")


def figure(name: str) -> Callable[[FigureFunction], FigureFunction]:
    """Register the function of a figure; torch's generators are seeded by its name."""

    def register(function: FigureFunction) -> FigureFunction:
        figure_functions.add(name, function, function)
        return function

    return register


def affordable(n: int, x: Tensor, least: int = 1) -> int:
    """Return n, or fewer where so many images like x (N, C, H, W) hold too many numbers to keep."""
    return max(least, min(n, MOST_NUMBERS // max(1, x[0].numel())))


def to_bytes(images: Tensor) -> Tensor:
    """Return intensities in [0, 1] as 0..255."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def has_codes(model: Any) -> bool:
    """Return whether data have codes that can be interpolated."""
    support = support_of(prior_of(model)) if isinstance(model, HasPrior) else None  # type: ignore[arg-type]
    is_discrete = getattr(support, "is_discrete", False)
    return isinstance(model, Autoencodes | Variational) and not is_discrete


def codes_of(model: Any, x: Tensor) -> Tensor:
    """Return the code of each datum (B, D): the model's own, or the posterior mean.

    Raises:
        NotApplicableError: It has neither.
    """
    if isinstance(model, Autoencodes):
        return model.encode(x)
    return mean_of(posterior_of(model, x))


def images_of(model: Any, z: Tensor) -> Tensor:
    """Return the mean image of each code; the leading dimensions are those of z.

    Raises:
        NotApplicableError: p(x given z) states no mean.
    """
    if isinstance(model, Decodes):
        return model.decode(z)
    return mean_of(model.observation_model(z))
