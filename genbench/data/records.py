"""What a data set is: its files with their pins, its shape, and its reader; no torch."""

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
    """One packed file as it is distributed, with its pins.

    Attributes:
        name: File name, ending in ``.gz``, or in ``.mat`` where one array is the content.
        n_bytes: Size of the packed file.
        sha256: Digest of the packed file.
        content_bytes: Size after unpacking.
        content_sha256: Digest after unpacking, where known; then any packing is accepted.
    """

    name: str
    n_bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str | None = None

    @property
    def unpacked_name(self) -> str:
        """The file's name without ``.gz``."""
        return self.name.removesuffix(".gz")

    @property
    def max_bytes(self) -> int:
        """Size of the largest file that is worth a look: another packing may be a larger one."""
        other = self.content_bytes if self.content_sha256 else 0
        return max(self.n_bytes, other) + 65_536


@dataclass(frozen=True)
class DatasetSpec:
    """What is known about a data set before anything is read.

    Attributes:
        name: The name in configs and on the command line.
        title: The name in tables and figures.
        description: One line.
        image_shape: (C, H, W).
        n_classes: Number of labels; 1 where there are none, and every label is then 0.
        n_levels: Number of values a pixel can take, 0 included.
        n_train: Size of the official training set, validation data included.
        n_test: Size of the official test set.
        default_validation_size: How many of the last training data are held out.
        read: Returns the checked data, given this record and the data directory.
        licence: As stated by the publisher.
        citation: Author, year, title.
        files: What is downloaded; empty for a data set that comes with an installed package.
        mirrors: Addresses of folders that hold the files, in the order they are tried.
        torchvision_class: The folder in which torchvision keeps the same files, if any.
        pixels_sha256: Pin of the pixels of a data set without files.
        embedded_in: The installed package that carries a data set without files.
        split: A word of the protocol for how train and test were cut where that is no matter of
            course; what it means stands with the reader.
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
