"""The record of a data set: its files with their pinned digests, its shape and its reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class RawData(NamedTuple):
    """A whole data set in official order: uint8 levels (N, ...) and uint8 labels (N,)."""

    train_x: "npt.NDArray[np.uint8]"
    train_y: "npt.NDArray[np.uint8]"
    test_x: "npt.NDArray[np.uint8]"
    test_y: "npt.NDArray[np.uint8]"


@dataclass(frozen=True)
class DataFile:
    """One file as it is distributed, with its pinned digests.

    Attributes:
        name: File name; a ``.gz`` file is unpacked, any other is taken as it is.
        n_bytes: Size of the file.
        sha256: Digest of the file.
        content_bytes: Size after unpacking a ``.gz`` file.
        content_sha256: Digest after unpacking, if known; then any packing is accepted.
    """

    name: str
    n_bytes: int
    sha256: str
    content_bytes: int = 0
    content_sha256: str | None = None

    @property
    def unpacked_name(self) -> str:
        """The file's name without ``.gz``."""
        return self.name.removesuffix(".gz")

    @property
    def max_bytes(self) -> int:
        """Largest size that a download may have; another packing may be larger than ours."""
        other = self.content_bytes if self.content_sha256 else 0
        return max(self.n_bytes, other) + 65_536


@dataclass(frozen=True)
class DatasetSpec:
    """All that is known about a data set before its files are read.

    Attributes:
        name: The name in configs and on the command line.
        title: The name in tables and figures.
        description: One line.
        image_shape: (C, H, W).
        n_classes: Number of labels; 1 if there are none, and every label is then 0.
        n_levels: Number of values a pixel can take, 0 included.
        n_train: Size of the official training set, validation data included.
        n_test: Size of the official test set.
        default_validation_size: How many of the last training images are held out.
        read: Returns the checked data, given this record and the data directory.
        licence: As stated by the publisher.
        citation: Author, year, title.
        files: The files to download; empty for a data set that comes with an installed package.
        mirrors: Addresses of folders that contain the files, in the order they are tried.
        torchvision_class: The folder in which torchvision keeps the same files, if any.
        pixels_sha256: Digest of all pixels, of a data set that another package reads for us.
        embedded_in: The installed package that contains a data set without files.
        split: A word in the protocol for how train and test were split, where that is unusual; the
            reader's docstring explains it.
    """

    name: str
    title: str
    description: str
    image_shape: tuple[int, int, int]
    n_classes: int
    n_levels: int
    n_train: int
    n_test: int
    default_validation_size: int
    read: "Callable[[DatasetSpec, Path], RawData]"
    licence: str
    citation: str
    files: tuple[DataFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    torchvision_class: str = ""
    pixels_sha256: str = ""
    embedded_in: str = ""
    split: str = ""
