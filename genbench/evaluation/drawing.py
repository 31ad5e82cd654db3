"""Images that models generate: what is drawn, and at which address of the noise."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, ConditionsOnPixels, Samples
from genbench.core.estimate import NotApplicableError
from genbench.core.tensors import device_of, mean_of
from genbench.evaluation.spec import Context
from genbench.inference.bounds import prior_of

SAMPLE_CHUNK = 1000
"""Images per noise address: the first images do not depend on how many are drawn."""
_BULK = 0.01
"""Share of the numbers at each end that may lie anywhere."""
_FARTHEST = 0.5
"""How far outside [0, 1] the others may lie: a mean image with noise is not cut off there."""
_LEAST_LEVELS = 2.0
"""Above which numbers that are never negative are levels."""


def view_of(context: Context, n: int) -> Any:
    """Return the model; a conditional one is bound to n labels drawn from p(y)."""
    model = context.model
    if isinstance(model, ConditionsOnPixels):
        raise NotApplicableError("the model completes images and does not generate new ones")
    if not isinstance(model, Conditions):
        return model
    if context.log_py is None:
        raise NotApplicableError("the model is conditional and needs the label frequencies")
    p = context.log_py.exp().to(device_of(model, context.log_py.device))
    return model.given(torch.multinomial(p, n, replacement=True))


def sampled(view: Any, n: int) -> Tensor:
    """Draw n images with the model's ``sample``, or the means of p(x given z) if it has none.

    A model that draws each of its images once has no more than it has.
    """
    if isinstance(view, Samples):
        n = min(n, n_images_of(view) or n)
        return _checked(view.sample(n), n)
    z = prior_of(view).sample(torch.Size((n,)))
    return mean_of(view.observation_model(z))


def n_images_of(model: Any) -> int | None:
    """Return how many images a control has, of which it draws each once; None for a model."""
    n = getattr(model, "n_images", None)
    return n if isinstance(n, int) and n > 0 else None


def mean_images(view: Any, n: int) -> Tensor:
    """Draw n images as rows (n, D); those of a model with p(x given z) are means."""
    return sampled(view, n).flatten(1)


def _checked(images: Any, n: int) -> Tensor:
    """Refuse what a user's own model returns in place of n images."""
    if not isinstance(images, Tensor):
        raise ValueError(f"sample({n}) returned a {type(images).__name__}, not a tensor")
    if len(images) != n:
        raise ValueError(f"sample({n}) returned {len(images)} images")
    return images


def require_intensities(images: Tensor) -> None:
    """Refuse images whose numbers are no intensities in [0, 1].

    Raises:
        NotApplicableError: They lie elsewhere.
    """
    low, high = _bulk_of(images)
    if low < -_FARTHEST or high > 1 + _FARTHEST:
        raise _elsewhere(low, high)


def require_same_scale(images: Tensor, x: Tensor) -> None:
    """Refuse images of another scale than data in [0, 1]; bad images, far off, are no such thing.

    Raises:
        NotApplicableError: They lie in [-1, 1], or are levels as of [0, 255].
    """
    if not bool(((x >= 0) & (x <= 1)).all()):
        return
    low, high = _bulk_of(images)
    signed = -1 <= low < -_FARTHEST and high <= 1
    levels = low >= 0 and high > _LEAST_LEVELS
    if signed or levels:
        raise _elsewhere(low, high)


def _bulk_of(images: Tensor) -> tuple[float, float]:
    """Between which numbers nearly all of the first 1,000 images lie."""
    seen = images[:SAMPLE_CHUNK].flatten()
    low, high = (1 + round(share * (len(seen) - 1)) for share in (_BULK, 1 - _BULK))
    return float(seen.kthvalue(low).values), float(seen.kthvalue(high).values)


def _elsewhere(low: float, high: float) -> NotApplicableError:
    lie = f"the model's images lie in [{low:.3g}, {high:.3g}]"
    return NotApplicableError(f"{lie}, not in [0, 1]")


def noisy_images(view: Any, n: int) -> Tensor:
    """Draw n images (n, D) from p(x) of a model with a density: z from the prior, x given z."""
    z = prior_of(view).sample(torch.Size((n,)))
    images: Tensor = view.observation_model(z).sample()
    return images.flatten(1)


def cached_draws(
    context: Context,
    name: str,
    draw: Callable[[Any, int], Tensor],
    start: int,
    stop: int,
    *,
    in_order: bool = False,
) -> Tensor:
    """Return images ``start`` to ``stop`` of ``draw``, drawn once per model, cached as ``name``.

    Of a model that draws each of its images once, there may be fewer: they are drawn all at once.
    Who asks for images ``in_order``, each once, leaves those before ``start`` to be drawn again.
    """
    if limit := n_images_of(context.model):
        return _chunk(context, name, draw, 0, limit)[start:stop]
    first, last = start // SAMPLE_CHUNK, -(-stop // SAMPLE_CHUNK)
    if in_order:
        forget_draws(context, name, first)
    chunks = [_chunk(context, name, draw, i, SAMPLE_CHUNK) for i in range(first, last)]
    return torch.cat(chunks)[start - first * SAMPLE_CHUNK : stop - first * SAMPLE_CHUNK]


def forget_draws(context: Context, name: str, before: int | None = None) -> None:
    """Drop cached draws, all or those of the noise addresses ``before`` one: images are large."""
    drawn: dict[int, Tensor] = context.cache.pop(name, {})
    if before is not None:
        context.cache[name] = {i: images for i, images in drawn.items() if i >= before}


def _chunk(
    context: Context, name: str, draw: Callable[[Any, int], Tensor], i: int, size: int
) -> Tensor:
    """Return the images of one noise address."""
    drawn: dict[int, Tensor] = context.cache.setdefault(name, {})
    if i not in drawn:
        with context.stream.child(name, i).seeded():
            drawn[i] = draw(view_of(context, size), size)
    return drawn[i]
