"""A folder whose files are whole or absent, with a manifest of their digests.

``manifest.json`` is written last; a folder without a valid one is unfinished. What is damaged is
done again, never patched. Nothing outside the folder is read or written, whatever lies in it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from genbench.core.errors import StorageError, first_line
from genbench.core.files import (
    files_below,
    pretty_json,
    remove,
    sha256_bytes,
    sha256_file,
    storing,
    sweep,
    write_atomic,
)
from genbench.core.reading import (
    LARGEST_JSON,
    MIB,
    contained,
    opened,
    parse_json,
    read_bytes,
    read_json,
)

MANIFEST = "manifest.json"
REDO = "running the suite again redoes it"
Arrays = dict[str, NDArray[Any]]
LARGEST = MappingProxyType({".json": LARGEST_JSON, ".csv": 64 * MIB, ".safetensors": 8192 * MIB})
"""Bytes of a file of each kind; none that genbench writes comes near."""
_LARGEST_ARRAYS = 1024 * MIB
_FOLDER = "artifacts"


class Manifest(BaseModel):
    """The content of ``manifest.json``; older ones have no sizes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    files: dict[str, str]
    sizes: dict[str, int] = {}


class SealedFolder:
    """Files under one path, and the manifest over them."""

    levels = 3
    """From the folder of all results: suite, ``runs`` or ``studies``, name."""
    largest = LARGEST

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path
        for _ in range(self.levels):
            self._root = self._root.parent

    def __truediv__(self, name: str) -> Path:
        """Return the path of a file.

        Raises:
            StorageError: The name, or a link on the way, leads out of the folder.
        """
        return contained(self._root, self.path.relative_to(self._root) / name)

    @property
    def is_sealed(self) -> bool:
        """Whether there is a manifest: the folder is finished, if nothing is damaged."""
        return (self / MANIFEST).is_file()

    def intact(self, *names: str) -> bool:
        """Return whether every named file is listed in the manifest with its present digest."""
        try:
            manifest = self._manifest()
            return self.is_sealed and all(self._matches(name, manifest) for name in names)
        except (StorageError, KeyError):
            return False

    def listed(self) -> frozenset[str]:
        """Return the names in the manifest; none where there is no valid one."""
        try:
            return frozenset(self._manifest().files)
        except StorageError:
            return frozenset()

    def checked(self, name: str) -> Path | None:
        """Return a file's path, or None where it was never written.

        Raises:
            StorageError: The manifest is damaged, or the file is not the one that was written.
        """
        manifest = self._manifest()
        if name not in manifest.files:
            return None
        try:
            matches = self._matches(name, manifest)
        except StorageError as error:
            raise StorageError(f"{error}; {REDO}") from error
        if not matches:
            raise StorageError(f"{self / name} is damaged, {_ANOTHER}; {REDO}")
        return self / name

    def _manifest(self) -> Manifest:
        for place in (self.path.parent, self.path):
            if place.is_file():
                raise StorageError(f"{place} is damaged: it is no folder; {REDO}")
        if not self.is_sealed:
            return Manifest(files={})
        try:
            return Manifest.model_validate(read_json(self / MANIFEST))
        except ValidationError as error:
            path = self / MANIFEST
            raise StorageError(f"{path} is damaged: it names no files; {REDO}") from error

    def _matches(self, name: str, manifest: Manifest) -> bool:
        path, size = self / name, manifest.sizes.get(name)
        with opened(path, self._limit(name)) as file:
            found = os.fstat(file.fileno()).st_size
            if size is not None and found != size:
                raise StorageError(f"{path} is damaged: {found} bytes, {size} were stored")
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest.files[name]

    def _limit(self, name: str) -> int:
        return self.largest.get(Path(name).suffix, LARGEST[".safetensors"])

    def contents(self, *names: str) -> dict[str, Any]:
        """Return what JSON files hold, by name; those that the manifest does not list are left out.

        Raises:
            StorageError: A file, or the manifest, is damaged.
        """
        files = self._manifest().files
        return {name: self._content(name, files[name]) for name in names if name in files}

    def _content(self, name: str, digest: str) -> Any:
        path = self / name
        try:
            content = read_bytes(path, self._limit(name))
            if sha256_bytes(content) != digest:
                raise StorageError(f"{path} is damaged, {_ANOTHER}")
            return self._typed(path, parse_json(content, path))
        except StorageError as error:
            raise StorageError(f"{error}; {REDO}") from error

    def arrays(self, name: str) -> Arrays:
        """Return the arrays of a safetensors file, without empty ones; none where it is absent.

        Raises:
            StorageError: The file is damaged.
        """
        path = self.checked(name)
        if path is None:
            return {}
        if (size := path.stat().st_size) > _LARGEST_ARRAYS:
            limit = f"{size} bytes, at most {_LARGEST_ARRAYS} expected"
            raise StorageError(f"{path} is damaged: {limit}; {REDO}")
        try:
            arrays = load_file(path)
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise StorageError(f"{path} is damaged: {first_line(error)}; {REDO}") from error
        return {key: np.asarray(array) for key, array in arrays.items() if array.size}

    def read(self, name: str) -> Any:
        """Read one of the folder's JSON files.

        Raises:
            StorageError: It is damaged.
        """
        return self._typed(self / name, read_json(self / name))

    def _typed(self, path: Path, content: Any) -> Any:
        """Return what a JSON file holds; folders whose files have known keys check their types."""
        return content

    def write(self, name: str, value: Any) -> None:
        """Write one of the folder's JSON files."""
        write_atomic(self / name, pretty_json(value))

    def seal(self) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left.

        Hidden files, such as the lock, are no part of it. The caller holds that lock.
        """
        paths = files_below(self.path)
        sweep(paths)
        names = sorted(
            path.relative_to(self.path).as_posix()
            for path in paths
            if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
        )
        self.seal_files(names)

    def digests(self, *names: str) -> dict[str, str]:
        """Return the SHA-256 of each of these files."""
        return {name: sha256_file(self / name) for name in names}

    def seal_files(self, names: Iterable[str]) -> None:
        """Write the manifest over these files."""
        with storing(self.path):
            files = self.digests(*names)
            sizes = {name: (self / name).stat().st_size for name in files}
        self.write(MANIFEST, {"schema": 1, "files": files, "sizes": sizes})

    def break_seal(self) -> None:
        """Remove the manifest, so that nothing here counts as whole until it is sealed again."""
        remove(self / MANIFEST)

    def make_place(self) -> None:
        """Remove a link, or a file, that lies in the place of the folder itself.

        Raises:
            StorageError: The folder lies behind a link, or what lies there cannot be removed.
        """
        parent = contained(self._root, self.path.parent.relative_to(self._root))
        place = parent / self.path.name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            remove(place)

    def clear_foreign(self) -> None:
        """Remove what genbench never writes: links, pipes, a folder in the place of a file.

        The caller holds the lock.

        Raises:
            StorageError: Something cannot be removed.
        """
        with storing(self.path):
            for path in sorted(self.path.rglob("*")):
                _clear(path)


def _clear(path: Path) -> None:
    if path.is_symlink() or (path.is_file() and path.name == _FOLDER):
        path.unlink()
    elif path.is_dir() and path.suffix in LARGEST:
        shutil.rmtree(path)
    elif path.exists() and not (path.is_file() or path.is_dir()):
        path.unlink()


_ANOTHER = "its SHA-256 is not the stored one"
