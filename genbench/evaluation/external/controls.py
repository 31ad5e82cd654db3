"""Sets of images whose scores are known in their order: what samples are read beside."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.models.controls import BlurredImages

NOISE = 0.1
"""Standard deviation of the noise of the control."""
BLUR = 1.0
"""Standard deviation of its blur, in pixels."""


class Control(NamedTuple):
    """Images (N, C, H, W) in [0, 1], what they are called, and whether they are the reference too.

    With ``is_reference`` they are compared with themselves.
    """

    name: str
    images: Tensor
    is_reference: bool = False


def controls(dataset: Dataset, n: int, stream: Stream) -> Iterator[Control]:
    """Yield n images of each kind, or as many as there are.

    Real ones are test images, each at most once: they are the floor. Blur, noise and the missing
    class are made of them. Copies are training images; so are those that are their own reference,
    which are at distance 0.
    """
    grey = dataset.unprocessed
    x, y = grey.held_out("test")
    real = _drawn(x, n, stream.child("real"))
    yield Control("real images", real)
    training = torch.cat(list(grey.blocks("train"))).cpu()
    copies = _drawn(training, n, stream.child("copies"))
    yield Control("copies", copies)
    yield Control("blur", _blurred(real))
    yield Control("noise", _noisy(real, stream.child("noise")))
    if dataset.n_classes > 1:
        kept = x[y != y.bincount().argmax()]
        yield Control("class missing", _drawn(kept, n, stream.child("class")))
    yield Control("itself", copies, is_reference=True)


def _drawn(images: Tensor, n: int, stream: Stream) -> Tensor:
    """Return n images without replacement: the first of an order that n does not change."""
    return images.cpu()[torch.randperm(len(images), generator=stream.generator())[:n]]


def _noisy(images: Tensor, stream: Stream) -> Tensor:
    noise = torch.randn(images.shape, generator=stream.generator())
    return (images + NOISE * noise).clamp(0, 1)


def _blurred(images: Tensor) -> Tensor:
    model = BlurredImages(len(images), images.shape[1:], BLUR)
    model.fit(images)
    return model.images(torch.arange(len(images)))
