"""Which images are for training, validation and testing: one rule for all data sets; no torch.

Validation images are drawn from the training images by ``data.seed``: the files of MNIST and others
go by writer, so their ends are no random sample. A draw takes the images in the order of the
SHA-256 of (seed, pixels). It depends on no library's generator and not on the order of the file,
equal images stay together, and more images move no other across a boundary except those beside it.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genbench.data.protocol import DataConfig, full_sizes
from genbench.data.specs import SourceData

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer[Any]]


class Parts(NamedTuple):
    """Indices of the images of each split; the first two are among the training images.

    Training and test images are in the order of the file, drawn validation images in that of the
    draw, so that any first n of these are a random sample.
    """

    train: Indices
    validation: Indices
    test: Indices


def parts_of(config: DataConfig, source: SourceData) -> Parts:
    """Divide a data set; with a ``limit``, each split keeps those that are drawn first.

    Own images come in an order that was drawn: where they have a validation set, it stays, and
    ``limit`` keeps the first.
    """
    raw, limit = source.raw, config.limit
    n_train, n_validation, n_test = full_sizes(config, source.spec)
    is_drawn = not source.spec.validation_is_given
    order = np.roll(np.arange(n_train + n_validation), n_validation)
    test = np.arange(n_test)
    if is_drawn:
        order = _drawn(raw.train_x, raw.train_y, f"validation split {config.seed} ")
    if is_drawn and limit and limit < n_test:
        test = _drawn(raw.test_x, raw.test_y, f"limit {config.seed} ")
    validation, train = order[:n_validation], order[n_validation:]
    return Parts(np.sort(train[:limit]), validation[:limit], np.sort(test[:limit]))


def _drawn(levels: npt.NDArray[np.uint8], labels: Labels, start: str) -> Indices:
    return drawn_order(pixel_digests(levels), labels, start)


def pixel_digests(levels: npt.NDArray[np.uint8]) -> list[bytes]:
    """Return the SHA-256 of the pixels of each image of (N, ...)."""
    return [sha256(image.tobytes()).digest() for image in levels]


def drawn_order(digests: Sequence[bytes], labels: Labels, start: str) -> Indices:
    """Return all indices sorted by the SHA-256 of (start, pixels); equal images by their label.

    Args:
        digests: From :func:`pixel_digests`.
        labels: (N,).
        start: The seed in text, and what is drawn.
    """
    prefix = start.encode()
    keys = [sha256(prefix + digest).digest() for digest in digests]
    pairs = list(zip(keys, labels.tolist(), strict=True))
    return np.array(sorted(range(len(pairs)), key=pairs.__getitem__), dtype=np.int64)
