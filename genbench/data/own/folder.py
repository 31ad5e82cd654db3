"""Reads a folder of images: ``part/class``, ``part``, ``class``, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genbench.core.errors import DataError
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.labels import ranked, require_names
from genbench.data.own.limits import MAX_FILE_BYTES, refused, shown
from genbench.data.own.parts import PARTS, division, require_train
from genbench.data.own.pictures import SUFFIXES
from genbench.data.own.stack import Stack
from genbench.data.own.tree import Tree


@dataclass(frozen=True)
class ImageFile:
    """Where an image lies, and what that says of it."""

    path: Path
    part: int
    label: str = ""


def read_folder(path: Path, reading: Reading) -> OwnImages:
    """Read all images below a folder.

    Raises:
        DataError: They can't be read without guessing; names the file or folder.
    """
    tree = Tree(path, SUFFIXES)
    source = shown(path.name)
    files = list_images(tree)
    labels, classes = np.zeros(len(files), np.int64), tuple[str, ...]()
    if files[0].label:
        labels, classes = ranked(np.array([file.label for file in files]), source)
    stack = Stack(len(files), source, reading)
    for file in files:
        stack.add(_content(file.path, tree.name(file.path)), tree.name(file.path))
    levels, n_levels, notes = stack.finish()
    numbers, divided = division({file.part for file in files})
    return OwnImages(
        source,
        levels,
        labels,
        classes,
        np.array([numbers[file.part] for file in files], np.uint8),
        n_levels,
        (*notes, *divided, *tree.notes()),
        tuple(file.path.relative_to(path).as_posix() for file in files),
    )


def list_images(tree: Tree) -> list[ImageFile]:
    """Return the images in the order of their parts, classes and names.

    Raises:
        DataError: A folder is empty, or what the folders mean can't be said.
    """
    folders, images = tree.inside(tree.root)
    numbers = {folder: PARTS.get(folder.name.lower(), 0) for folder in folders}
    parts = {folder: number for folder, number in numbers.items() if number}
    if not parts:
        return _in_part(tree, tree.root, 0)
    for beside in [folder for folder in folders if folder not in parts] + images:
        raise DataError(
            f"{tree.name(beside)}: lies beside the part {next(iter(parts)).name}; expected parts "
            "only, train, validation and test"
        )
    require_train(list(parts.values()), shown(tree.root.name))
    ordered = sorted(parts, key=parts.__getitem__)
    found = [_in_part(tree, folder, parts[folder]) for folder in ordered]
    if len({bool(files[0].label) for files in found}) > 1:
        raise DataError(f"{shown(tree.root.name)}: has parts with classes and parts without")
    return [file for files in found for file in files]


def _in_part(tree: Tree, folder: Path, part: int) -> list[ImageFile]:
    folders, images = tree.inside(folder)
    if folders and images:
        raise DataError(
            f"{tree.name(images[0])}: lies beside the folder {shown(folders[0].name)}; expected "
            "folders only, one for each class, or images only"
        )
    if not folders:
        _require_some(images, tree, folder)
        return [ImageFile(image, part) for image in images]
    require_names([folder.name for folder in folders], tree.name(folder))
    return [ImageFile(image, part, f.name) for f in folders for image in _in_class(tree, f)]


def _in_class(tree: Tree, folder: Path) -> list[Path]:
    folders, images = tree.inside(folder)
    if folders:
        raise DataError(
            f"{tree.name(folders[0])}: too deep; expected part/class/image, class/image or images"
        )
    _require_some(images, tree, folder)
    return images


def _require_some(images: Sequence[Path], tree: Tree, folder: Path) -> None:
    if not images:
        raise DataError(f"{tree.name(folder)}: holds no images, such as {', '.join(SUFFIXES[:3])}")


def _content(path: Path, name: str) -> bytes:
    with refused(name, "can't be read"), path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"{name}: has more than {MAX_FILE_BYTES:,} bytes, which no image needs")
    return content
