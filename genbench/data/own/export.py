"""Writes a data set as an ``.npz`` or a folder of PNGs, to be read again as own images.

Nothing is overwritten, and nothing half-written has the name that was asked for.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from genbench.core.errors import ConfigError, StorageError
from genbench.core.protocol import SPLITS
from genbench.data.own.labels import ranked
from genbench.data.own.load import own_data
from genbench.data.own.parts import PARTS
from genbench.data.protocol import DataConfig, full_sizes
from genbench.data.source import read_source
from genbench.data.specs import SourceData

Format = Literal["npz", "folder"]
WHOLE = ""
"""The one part of a set that is not divided."""


class Exported(NamedTuple):
    """What was written.

    Attributes:
        path: Of the file or folder.
        n_images: How many images it holds.
        digest: What names them when they are read again.
        levels: What must be stated as ``levels`` to read them; None where nothing must.
    """

    path: Path
    n_images: int
    digest: str
    levels: int | None


class _Part(NamedTuple):
    levels: npt.NDArray[np.uint8]
    labels: npt.NDArray[Any]


class _Content(NamedTuple):
    parts: dict[str, _Part]
    classes: tuple[str, ...]
    n_levels: int


def export(
    config: DataConfig, to: Format, output: Path | None = None, data_dir: Path | None = None
) -> Exported:
    """Write a data set, and read it again before it gets its name.

    A set that is not divided stays so. Own images keep their digest; those of a registered set get
    one, the same in both formats, because own images are in an order of their own.

    Args:
        config: Which data, and how they are read.
        to: An ``.npz``, or a folder of PNGs by part and class, levels spread over 0 to 255.
        output: Where; by default the name of the data set, here.
        data_dir: Data directory of registered sets.

    Raises:
        ConfigError: There is something already, or the name does not end as it must.
        DataError: The data cannot be read.
        StorageError: They cannot be written.
    """
    path = output or Path(f"{config.name}.npz" if to == "npz" else config.name)
    _require_free(path, to)
    source = read_source(config, data_dir)
    content = _content(config, source)
    write = _write_npz if to == "npz" else _write_folder
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            unfinished = Path(folder) / path.name
            levels = write(unfinished, content)
            digest = own_data(DataConfig(path=unfinished, levels=levels)).digest
            if config.is_own and digest != source.digest:
                raise StorageError(f"{path}: what was written reads back as other images")
            _require_free(path, to)
            shutil.move(unfinished, path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    return Exported(path, source.spec.n_train + source.spec.n_test, digest, levels)


def _require_free(path: Path, to: Format) -> None:
    if to == "npz" and path.suffix != ".npz":
        raise ConfigError(f"output: expected a name that ends with .npz, not '{path}'")
    if path.exists() or path.is_symlink():
        raise ConfigError(f"output: {path} exists and is not overwritten; choose another --output")


def _content(config: DataConfig, source: SourceData) -> _Content:
    """Return the parts that the set came with; without any, one for all images."""
    raw, spec = source.raw, source.spec
    x = np.concatenate([raw.train_x, raw.test_x]).reshape(-1, *spec.image_shape)
    classes = class_names(source.classes)
    y = np.concatenate([raw.train_y, raw.test_y])
    part_of = [name if name in source.given else "train" for name in SPLITS]
    names = np.repeat(part_of if source.given else [WHOLE] * 3, full_sizes(config, spec))
    parts = {part: _Part(x[names == part], y[names == part]) for part in dict.fromkeys(names)}
    return _Content(parts, classes, spec.n_levels)


def class_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of folders for classes, in their order: their own where these can be used.

    Example:
        >>> class_names(("cat", "dog")), class_names(("a/b", "c")), class_names(("b", "a"))
        (('cat', 'dog'), ('0', '1'), ('0', '1'))
    """
    usable = all(map(_is_usable, classes)) and len({c.lower() for c in classes}) == len(classes)
    kept = bool(classes) and usable and ranked(np.array(classes), "")[1] == classes
    return classes if kept else tuple(map(str, range(len(classes))))


def _is_usable(name: str) -> bool:
    """Whether a name is that of a folder everywhere, and no part's."""
    plain = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    return plain and name == name.strip(" .") != "" and name.lower() not in PARTS


def _write_npz(path: Path, content: _Content) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {"n_levels": np.array(content.n_levels)}
    for name, part in content.parts.items():
        arrays[f"x_{name}" if name else "x"] = _channels_last(part.levels)
        if content.classes:
            labels = np.array(content.classes)[part.labels]
            arrays[f"y_{name}" if name else "y"] = labels
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _channels_last(levels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return levels[:, 0] if levels.shape[1] == 1 else np.moveaxis(levels, 1, 3)


def _write_folder(path: Path, content: _Content) -> int | None:
    """Write PNGs; return what must be stated as ``levels``."""
    shown = _shown(content)
    is_grey = all(part.levels.shape[1] == 1 for part in content.parts.values())
    is_bilevel = is_grey and content.n_levels == 2
    for name, part in content.parts.items():
        for i, (levels, label) in enumerate(zip(part.levels, part.labels, strict=True)):
            folder = path / name / (content.classes[label] if content.classes else "")
            folder.mkdir(parents=True, exist_ok=True)
            _write_png(folder / f"{i:06}.png", shown[levels], is_bilevel)
    return None if is_bilevel or content.n_levels == 256 else content.n_levels


def _shown(content: _Content) -> npt.NDArray[np.uint8]:
    """Return the grey value of each level: spread over 0 to 255, where it is read back as that.

    Where even the largest is below the number of levels, values would be taken for levels.
    """
    spread = np.round(np.linspace(0, 255, content.n_levels)).astype(np.uint8)
    top = max(int(part.levels.max()) for part in content.parts.values())
    is_ambiguous = spread[top] < content.n_levels
    return np.arange(content.n_levels, dtype=np.uint8) if is_ambiguous else spread


def _write_png(path: Path, pixels: npt.NDArray[np.uint8], is_bilevel: bool) -> None:
    from PIL import Image

    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))
    (image.convert("1") if is_bilevel else image).save(path)
