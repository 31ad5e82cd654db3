"""Reads a folder of images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from genbench.core.errors import DataError
from genbench.data.own.images import PARTS, OwnImages, Reading
from genbench.data.own.labels import ranked

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")


@dataclass(frozen=True)
class ImageFile:
    """Where an image lies, and what that says of it."""

    path: Path
    part: int
    label: str | None


def read_folder(path: Path, reading: Reading) -> OwnImages:
    """Read ``part/class``, ``part``, ``class`` or no folders of images."""
    files = list_images(path)
    if not files:
        raise DataError(f"{path.name}: no images")
    pixels = []
    for file in files:
        with Image.open(file.path) as image:
            mode = "RGB" if image.mode in ("RGB", "P") else "L"
            pixels.append(np.asarray(image.convert(mode)))
    levels = np.stack(pixels)
    levels = levels[:, None] if levels.ndim == 3 else np.moveaxis(levels, 3, 1)
    labels, classes = np.zeros(len(files), np.int64), tuple[str, ...]()
    if files[0].label is not None:
        labels, classes = ranked(np.array([file.label for file in files]), path.name)
    return OwnImages(
        path.name,
        np.ascontiguousarray(levels),
        labels,
        classes,
        np.array([file.part for file in files], np.uint8),
        256,
        (),
        tuple(file.path.relative_to(path).as_posix() for file in files),
    )


def list_images(path: Path) -> list[ImageFile]:
    """Return the images below a folder, in the order of their names."""
    parts = [entry for entry in sorted(path.iterdir()) if entry.name in PARTS]
    if not parts:
        return _in_classes(path, 0)
    return [file for part in parts for file in _in_classes(part, PARTS[part.name])]


def _in_classes(folder: Path, part: int) -> list[ImageFile]:
    classes = [entry for entry in sorted(folder.iterdir()) if entry.is_dir()]
    if not classes:
        return [ImageFile(file, part, None) for file in _images(folder)]
    return [ImageFile(file, part, name.name) for name in classes for file in _images(name)]


def _images(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in SUFFIXES]
