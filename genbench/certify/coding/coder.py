"""Codes all images with one stack, and takes them from it again.

Bits back needs some bits to begin with: zeros. The decoder finds them again below the last image,
so they are no part of the length. A decoder that computes other probabilities than the encoder does
not end there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.certify.coding.rans import WORD_BITS, Stack
from genbench.certify.coding.schemes import Known, Scheme, scheme_of
from genbench.core.errors import StorageError
from genbench.training.precision import products_in
from genbench.training.threads import threads, torch_as_started

Images = NDArray[np.uint8]
"""Grey levels (N, C, H, W)."""


class Coded(NamedTuple):
    """Images in the form of bits.

    Attributes:
        scheme: How they were coded.
        is_exact: Whether the length is that of log p(x), not of the ELBO.
        n_levels: How many values a pixel can take.
        n_images: How many there are.
        n_initial: Words that lay on the stack before the first image.
        payload: The final state of the stack.
    """

    scheme: str
    is_exact: bool
    n_levels: int
    n_images: int
    n_initial: int
    payload: bytes

    @property
    def n_bits(self) -> int:
        """Bits of the images: those of the payload without the initial ones."""
        return 8 * len(self.payload) - WORD_BITS * self.n_initial


@contextmanager
def _repeatable() -> Iterator[None]:
    """Compute on one thread, with torch's settings as a new process has them."""
    with torch_as_started(), products_in("float32"), threads(1), torch.no_grad():
        yield


def encode(model: Any, known: Known, x: Tensor) -> Coded:
    """Code images x (N, C, H, W), so that the first one is the first to be decoded.

    Raises:
        NotApplicableError: The model has no masses that images can be coded by; says why.
    """
    with _repeatable():
        scheme = scheme_of(model, known)
        levels = [scheme.levels(image) for image in x]
        stack = Stack(endless=not scheme.is_exact)
        for i in reversed(range(len(x))):
            scheme.push(stack, levels[i], i)
    about = (scheme.name, scheme.is_exact, scheme.n_levels, len(x))
    return Coded(*about, stack.n_initial, stack.to_bytes())


def decode(model: Any, known: Known, payload: bytes, n_images: int, n_initial: int) -> Images:
    """Return the grey levels of all images, (N, C, H, W): the inverse of :func:`encode`.

    Raises:
        StorageError: The payload is not what the encoder wrote with this model, or this machine
            computes other probabilities.
        NotApplicableError: The model has no masses that images can be coded by.
    """
    with _repeatable():
        scheme, stack = scheme_of(model, known), Stack.from_bytes(payload)
        images = [_image(scheme, stack, i) for i in range(n_images)]
    if not stack.is_as_at_the_start(n_initial):
        raise StorageError(
            "the code does not end where it began: its model has other weights, or this machine"
            " computes other probabilities"
        )
    return np.stack(images)


def _image(scheme: Scheme, stack: Stack, i: int) -> Images:
    x = scheme.image(scheme.pop(stack, i), i).squeeze(0)
    return levels_of(x, scheme.n_levels)


def levels_of(x: Tensor, n_levels: int) -> Images:
    """Return the grey levels of pixels in [0, 1]."""
    levels: Images = (x.double() * (n_levels - 1)).round().to(torch.uint8).numpy()
    return levels
