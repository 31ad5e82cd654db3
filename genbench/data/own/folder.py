"""Reads a folder of images: ``part/class``, ``part``, ``class``, or neither."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from genbench.core.errors import DataError
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.labels import natural, ranked, require_names
from genbench.data.own.limits import MAX_FILE_BYTES, is_plain, refused, shown
from genbench.data.own.parts import PARTS, UNDIVIDED, division, require_train
from genbench.data.own.pictures import SUFFIXES
from genbench.data.own.stack import Stack


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not meant to be seen."""
    return name.startswith((".", "__MACOSX"))


@dataclass
class Tree:
    """What lies in a folder, by paths from it on, and never outside it.

    Files of other kinds are counted, not read.

    Attributes:
        root: The folder.
        suffixes: What the names of the files that are read end with.
        n_hidden: How many hidden files and folders were skipped.
        n_others: How many other files were skipped.
    """

    root: Path
    suffixes: tuple[str, ...]
    n_hidden: int = field(default=0, init=False)
    n_others: int = field(default=0, init=False)

    def inside(self, folder: str = "") -> tuple[list[str], list[str]]:
        """Return the folders and the files in a folder, in natural order.

        Raises:
            DataError: Something leads out of the root, is no file, or has an unprintable name.
        """
        folders: list[str] = []
        files: list[str] = []
        with refused(self.name(folder), "can't be listed"), os.scandir(self.at(folder)) as found:
            for entry in sorted(found, key=lambda entry: natural(entry.name)):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if is_hidden(entry.name):
                    self.n_hidden += 1
                elif self._is_folder(entry, path):
                    folders.append(path)
                elif entry.name.lower().endswith(self.suffixes):
                    files.append(path)
                else:
                    self.n_others += 1
        for path in (*folders, *files):
            if not is_plain(path):
                raise DataError(f"{self.name(path)}: the name can't be printed; rename it")
        return folders, files

    def at(self, path: str) -> str:
        """Return where a path leads."""
        return os.path.join(self.root, path)

    def name(self, path: str = "") -> str:
        """Return a path as it is shown in messages: from the root's own name on."""
        return shown(f"{self.root.name}/{path}" if path else self.root.name)

    def notes(self) -> list[str]:
        """Return how many files were skipped."""
        counts = {"hidden": self.n_hidden, "of other kinds": self.n_others}
        return [f"Skipped {n} {kind}." for kind, n in counts.items() if n]

    def _is_folder(self, entry: "os.DirEntry[str]", path: str) -> bool:
        if entry.is_symlink() and not self._is_below(path):
            raise DataError(f"{self.name(path)}: a link out of the folder; copy the file")
        if not entry.is_dir() and not entry.is_file():
            raise DataError(f"{self.name(path)}: neither a file nor a folder, or a broken link")
        return entry.is_dir()

    def _is_below(self, path: str) -> bool:
        root = os.path.realpath(self.root)
        return os.path.commonpath([root, os.path.realpath(self.at(path))]) == root


@dataclass(frozen=True)
class ImageFile:
    """Where an image lies in its folder, and what that says of it."""

    path: str
    part: int
    label: str = ""


def read_folder(path: Path, reading: Reading) -> OwnImages:
    """Read all images below a folder.

    Raises:
        DataError: They can't be read without guessing; names the file or folder.
    """
    tree = Tree(path, SUFFIXES)
    files = list_images(tree)
    labels, classes = np.zeros(len(files), np.int64), tuple[str, ...]()
    if files[0].label:
        labels, classes = ranked(np.array([file.label for file in files]), tree.name())
    stack = Stack(len(files), tree.name(), reading)
    for file in files:
        name = tree.name(file.path)
        stack.add(_content(tree.at(file.path), name), name)
    levels, n_levels, notes = stack.finish()
    numbers, divided = division({file.part for file in files})
    return OwnImages(
        tree.name(),
        levels,
        labels,
        classes,
        np.array([numbers[file.part] for file in files], np.uint8),
        n_levels,
        (*notes, *divided, *tree.notes()),
        tuple(file.path for file in files),
    )


def list_images(tree: Tree) -> list[ImageFile]:
    """Return the images in the order of their parts, classes and names.

    Raises:
        DataError: A folder is empty, or what the folders mean can't be said.
    """
    folders, images = inside = tree.inside()
    parts = {name: PARTS[name.lower()] for name in folders if name.lower() in PARTS}
    if not parts:
        return _in_part(tree, "", UNDIVIDED, inside)
    for beside in [*(name for name in folders if name not in parts), *images]:
        raise DataError(
            f"{tree.name(beside)}: lies beside the part {next(iter(parts))}; expected parts only: "
            "train, validation and test"
        )
    require_train(list(parts.values()), tree.name())
    ordered = sorted(parts, key=parts.__getitem__)
    found = [_in_part(tree, name, parts[name], tree.inside(name)) for name in ordered]
    if len({bool(files[0].label) for files in found}) > 1:
        raise DataError(f"{tree.name()}: has parts with folders of classes and parts without")
    return [file for files in found for file in files]


def _in_part(
    tree: Tree, folder: str, part: int, inside: tuple[list[str], list[str]]
) -> list[ImageFile]:
    folders, images = inside
    if folders and images:
        raise DataError(
            f"{tree.name(images[0])}: lies beside the folder {PurePosixPath(folders[0]).name}; "
            "expected folders only, one for each class, or images only"
        )
    if not folders:
        _require_some(images, tree, folder)
        return [ImageFile(image, part) for image in images]
    classes = {path: PurePosixPath(path).name for path in folders}
    require_names(list(classes.values()), tree.name(folder))
    return [
        ImageFile(image, part, label)
        for path, label in classes.items()
        for image in _in_class(tree, path)
    ]


def _in_class(tree: Tree, folder: str) -> list[str]:
    folders, images = tree.inside(folder)
    if folders:
        raise DataError(
            f"{tree.name(folders[0])}: too deep; expected part/class/image, class/image or images"
        )
    _require_some(images, tree, folder)
    return images


def _require_some(images: Sequence[str], tree: Tree, folder: str) -> None:
    if not images:
        raise DataError(f"{tree.name(folder)}: holds no images, such as {', '.join(SUFFIXES[:3])}")


def _content(path: str, name: str) -> bytes:
    with refused(name, "can't be read"), open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise DataError(f"{name}: has {size:,} bytes, expected at most {MAX_FILE_BYTES:,}")
        return file.read(size)
