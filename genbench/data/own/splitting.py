"""Divides own images into training and test data, and names them by a digest.

Both depend on the pixels, labels and given parts alone: not on what holds the images, nor on their
order in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from genbench.core.errors import DataError
from genbench.core.files import canonical_json
from genbench.data.own.parts import TEST, TRAIN, UNDIVIDED, VALIDATION
from genbench.data.splits import drawn_order

if TYPE_CHECKING:
    from genbench.data.own.images import OwnImages
    from genbench.data.protocol import SplitOptions

_MAX_VALIDATION = 5_000


@dataclass(frozen=True, eq=False)
class Division:
    """Which images are for what.

    Attributes:
        train: Indices of the training images; validation images that are given come last.
        test: Indices of the test images.
        n_validation: How many of ``train`` are for validation, if nothing else is asked for.
        validation_is_given: Whether these are a part of the set as it came.
        test_is_drawn: Whether the test images were drawn here.
    """

    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    n_validation: int
    validation_is_given: bool
    test_is_drawn: bool

    @property
    def given(self) -> tuple[str, ...]:
        """The splits that the set came with; none if it came undivided."""
        validation = ("validation",) if self.validation_is_given else ()
        test = () if self.test_is_drawn else ("test",)
        return ("train", *validation, *test) if validation or test else ()


def given_parts(images: "OwnImages") -> npt.NDArray[np.uint8]:
    """Return the part of each image; where all are in one, the set is not divided."""
    parts = images.parts
    return parts if len(np.unique(parts)) > 1 else np.full_like(parts, UNDIVIDED)


def content_digest(images: "OwnImages", digests: Sequence[bytes]) -> str:
    """Return the SHA-256 of the shape, the number of levels, and each image in a fixed order.

    Args:
        images: Pixels, labels and parts.
        digests: From :func:`genbench.data.splits.pixel_digests`.
    """
    shape = {"shape": list(images.levels.shape[1:]), "n_levels": images.n_levels}
    rest = np.stack([given_parts(images), images.labels], axis=1).astype(">i8")
    each = sorted(pixels + row.tobytes() for pixels, row in zip(digests, rest, strict=True))
    return sha256(canonical_json(shape).encode() + b"".join(each)).hexdigest()


def divide(images: "OwnImages", digests: Sequence[bytes], split: "SplitOptions") -> Division:
    """Divide images, in each part sorted by the SHA-256 of (seed, pixels).

    A part that is given stays as it is. Otherwise the last images are the test set, and a tenth of
    the training set, at most 5,000, is drawn for validation when the set is served. More images
    therefore move no other across a boundary except those beside it, and equal images lie next to
    each other.

    Args:
        images: Pixels, labels and parts.
        digests: From :func:`genbench.data.splits.pixel_digests`.
        split: How large a test set to draw, and the seed.

    Raises:
        DataError: A part would be empty.
    """
    parts = given_parts(images)
    order = drawn_order(digests, images.labels, f"{split.seed} ")
    train, validation, test = (
        order[np.isin(parts[order], which)] for which in ([UNDIVIDED, TRAIN], VALIDATION, TEST)
    )
    drawn, given = len(test) == 0, len(validation) > 0
    if drawn:
        cut = max(len(train) - split.n_test(len(train)), 0)
        train, test = train[:cut], train[cut:]
    n_validation = len(validation) or max(1, min(len(train) // 10, _MAX_VALIDATION))
    train = np.concatenate([train, validation])
    _require_images(images.source, len(train) - n_validation, n_validation, len(test))
    return Division(train, test, n_validation, given, drawn)


def _require_images(source: str, train: int, validation: int, test: int) -> None:
    if train < 1:
        validation += min(0, train)
        raise DataError(
            f"{source}: 0 images for training, {validation:,} for validation and {test:,} for "
            "testing; each part needs at least one"
        )
