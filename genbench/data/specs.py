"""The registry of data sets: pinned files, shapes, mirrors, and the function that reads each.

Nothing here imports torch, numpy or scikit-learn: a reader is imported when it is called.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genbench.core.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class RawData(NamedTuple):
    """A whole data set in official order: uint8 levels (N, ...) and integer labels (N,)."""

    train_x: "npt.NDArray[np.uint8]"
    train_y: "npt.NDArray[np.uint8] | npt.NDArray[np.int64]"
    test_x: "npt.NDArray[np.uint8]"
    test_y: "npt.NDArray[np.uint8] | npt.NDArray[np.int64]"

    @property
    def without_test(self) -> "RawData":
        """The same without test images, of which no memory is kept."""
        return self._replace(test_x=self.test_x[:0].copy(), test_y=self.test_y[:0].copy())


@dataclass(frozen=True)
class DataFile:
    """One file as it is distributed, with its pinned digests.

    Attributes:
        name: File name; a ``.gz`` file is unpacked, any other is used as is.
        n_bytes: Size of the file.
        sha256: Digest of the file.
        content_bytes: Size after unpacking a ``.gz`` file.
        content_sha256: Digest after unpacking, if known; then any compression of it is accepted.
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
        """Largest allowed size of a download; another compression may be larger than ours."""
        other = self.content_bytes if self.content_sha256 else 0
        return max(self.n_bytes, other) + 65_536


@dataclass(frozen=True)
class DatasetSpec:
    """What is known about a data set: of a registered one, before its files are read.

    Attributes:
        name: The name in configs and on the command line.
        title: The name in tables and figures.
        description: One line.
        image_shape: (C, H, W).
        n_classes: Number of labels; 1 if there are none, and every label is then 0.
        n_levels: Number of values a pixel can take, 0 included.
        n_train: Size of the official training set, validation data included.
        n_test: Size of the official test set.
        default_validation_size: How many of the training images are drawn for validation.
        read: Returns the checked data, given this record, the data directory, and whether to read
            the test set.
        licence: As stated by the publisher.
        citation: Author, year, title.
        files: The files to download; empty for a data set that comes with an installed package.
        mirrors: Addresses of folders that contain the files, in the order they are tried.
        torchvision_class: The folder in which torchvision keeps the same files, if any.
        pixels_sha256: Digest of all pixels, for data sets that another package reads.
        embedded_in: The installed package that contains the data, if there are no files.
        split: A word in the protocol for how train and test were split, if that is unusual; the
            reader's docstring explains it.
        view: Options of every view of it in the protocol, such as ``resize=28x28``.
        validation_is_given: Whether it comes with a validation set, the last training images.
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
    read: "Callable[[DatasetSpec, Path, bool], RawData]"
    licence: str
    citation: str
    files: tuple[DataFile, ...] = ()
    mirrors: tuple[str, ...] = ()
    torchvision_class: str = ""
    pixels_sha256: str = ""
    embedded_in: str = ""
    split: str = ""
    view: tuple[str, ...] = ()
    validation_is_given: bool = False


@dataclass(frozen=True, eq=False)
class SourceData:
    """A data set that was read.

    Attributes:
        spec: What is known of it.
        raw: All of it.
        digest: SHA-256 of pixels and labels.
        classes: Names of the classes; none without labels.
        places: Where each training and then each test image was: its file, or its number.
        notes: How it was read, a sentence each.
        given: The splits that it came with; none if it came undivided.
    """

    spec: DatasetSpec
    raw: RawData
    digest: str
    classes: tuple[str, ...]
    places: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    given: tuple[str, ...] = ("train", "test")


datasets: Registry[DatasetSpec] = Registry("data set")

_IDX_FILES = (
    ("train-images-idx3-ubyte.gz", 47_040_016),
    ("train-labels-idx1-ubyte.gz", 60_008),
    ("t10k-images-idx3-ubyte.gz", 7_840_016),
    ("t10k-labels-idx1-ubyte.gz", 10_008),
)


def _idx_files(
    *pins: tuple[int, str], contents: Sequence[str | None] = (None,) * 4
) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(name, n_bytes, sha256, content_bytes, content_sha256)
        for (name, content_bytes), (n_bytes, sha256), content_sha256 in zip(
            _IDX_FILES, pins, contents, strict=True
        )
    )


def _read(module: str, spec: DatasetSpec, data_dir: Path, with_test: bool = True) -> RawData:
    raw: RawData = import_module(f"genbench.data.{module}").read(spec, data_dir, with_test)
    return raw


_mnist_like = partial(
    DatasetSpec,
    image_shape=(1, 28, 28),
    n_classes=10,
    n_levels=256,
    n_train=60_000,
    n_test=10_000,
    default_validation_size=5_000,
    read=partial(_read, "mnist_family"),
)

_SPECS = (
    DatasetSpec(
        name="digits",
        title="Digits",
        description="1,797 handwritten digits, 8x8 pixels with 17 levels; needs no download",
        image_shape=(1, 8, 8),
        n_classes=10,
        n_levels=17,
        n_train=1297,
        n_test=500,
        default_validation_size=200,
        read=partial(_read, "digits"),
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak, 1998, Optical Recognition of Handwritten Digits (UCI)",
        pixels_sha256="8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
        embedded_in="scikit-learn",
    ),
    _mnist_like(
        name="mnist",
        title="MNIST",
        description="70,000 handwritten digits, 28x28 pixels with 256 levels",
        licence="not stated in the files; commonly given as CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio and Haffner, 1998, Gradient-Based Learning Applied to "
        "Document Recognition",
        files=_idx_files(
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
            contents=(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        torchvision_class="MNIST",
    ),
    _mnist_like(
        name="fashion_mnist",
        title="Fashion-MNIST",
        description="70,000 articles of clothing, 28x28 pixels with 256 levels",
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf, 2017, Fashion-MNIST: a Novel Image Dataset for "
        "Benchmarking Machine Learning Algorithms",
        files=_idx_files(
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        mirrors=("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
        torchvision_class="FashionMNIST",
    ),
    _mnist_like(
        name="kmnist",
        title="KMNIST",
        description="70,000 cursive Japanese characters, 28x28 pixels with 256 levels",
        licence="CC BY-SA 4.0",
        citation="Clanuwat et al., 2018, Deep Learning for Classical Japanese Literature",
        files=_idx_files(
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        torchvision_class="KMNIST",
    ),
    DatasetSpec(
        name="frey_faces",
        title="Frey Faces",
        description="1,965 video frames of one face, 28x20 pixels with 256 levels, no labels",
        image_shape=(1, 28, 20),
        n_classes=1,
        n_levels=256,
        n_train=1765,
        n_test=200,
        default_validation_size=200,
        read=partial(_read, "frey_faces"),
        licence="not stated; given for research by Brendan Frey, distributed by Sam Roweis",
        citation="Frey, Colmenarez and Huang, 1998, Mixtures of Local Linear Subspaces for Face "
        "Recognition",
        files=(
            DataFile(
                "frey_rawface.mat",
                996_854,
                "6bd26bd7da4614190b2fd7271b61efe7423ab998df8d81d4beb9b94ae06bb308",
            ),
        ),
        mirrors=("https://cs.nyu.edu/~roweis/data/",),
        pixels_sha256="2438ba4f0d2a6bd8bac43de756141eaa33c8d248dd613d464bdb1210d9b7af78",
        split="shuffled_film",
    ),
    DatasetSpec(
        name="shapes",
        title="Shapes",
        description="576 white squares with 3 known factors, 20x20 pixels; needs no download",
        image_shape=(1, 20, 20),
        n_classes=4,
        n_levels=2,
        n_train=526,
        n_test=50,
        default_validation_size=50,
        read=partial(_read, "shapes"),
        licence="MIT",
        citation="made by genbench",
        pixels_sha256="66b9ee127e5e320c899682f1f4cd2fe655331ac6c1a8e3bf7436784740f86036",
        embedded_in="genbench",
    ),
)

for _spec in _SPECS:
    datasets.add(_spec.name, _spec)
