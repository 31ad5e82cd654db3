"""Walks a folder, and never leaves it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from genbench.core.errors import DataError
from genbench.data.own.labels import natural
from genbench.data.own.limits import is_plain, refused, shown


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not meant to be seen."""
    return name.startswith((".", "__MACOSX"))


@dataclass
class Tree:
    """What lies in a folder, by paths from it on; files of other kinds are counted, not read.

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
