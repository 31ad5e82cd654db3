"""Reads the handwritten digits that come with scikit-learn.

The 1,797 images have no official split. They are sorted by the SHA-256 of ``"digits <index>"``, a
fixed permutation that no library version can change; the first 1,297 are the training set, of
which 200 are drawn for validation by default, the last 500 the test set. The same 13 writers appear
in all of them.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from genbench.core.errors import DataError
from genbench.core.files import sha256_bytes
from genbench.data.specs import DatasetSpec, RawData


def read(spec: DatasetSpec, data_dir: Path, with_test: bool = True) -> RawData:
    """Return the permuted digits, checked against the pinned digest.

    Raises:
        DataError: scikit-learn's pixels differ from the pinned ones.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.asarray(digits.images).astype(np.uint8)
    require_pinned_pixels(images, spec, spec.embedded_in)
    labels = np.asarray(digits.target).astype(np.uint8)
    order = permutation(len(images))
    train, test = order[: spec.n_train], order[spec.n_train :]
    return RawData(images[train], labels[train], images[test], labels[test])


def require_pinned_pixels(images: npt.NDArray[np.uint8], spec: DatasetSpec, package: str) -> None:
    """Compare the pixels that ``package`` returned with their pinned digest.

    Raises:
        DataError: They differ.
    """
    digest = sha256_bytes(images.tobytes())
    if digest != spec.pixels_sha256:
        raise DataError(
            f"the pixels of '{spec.name}' in {package} differ from the pinned ones\n"
            f"  sha256: expected {spec.pixels_sha256}, found {digest}\n"
            f"install another version of {package}"
        )


def permutation(n: int, name: str = "digits") -> list[int]:
    """Return 0..n-1 sorted by the SHA-256 of ``"<name> <index>"``.

    Example:
        >>> permutation(4)
        [3, 1, 2, 0]
    """
    return sorted(range(n), key=lambda index: sha256_bytes(f"{name} {index}".encode()))
