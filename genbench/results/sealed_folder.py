"""A folder whose files are whole or absent, with a manifest of their digests.

``manifest.json`` is written last; a folder without a valid one is unfinished. What is damaged is
done again, never patched.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from genbench.core.errors import StorageError
from genbench.core.files import pretty_json, read_json, remove, sha256_file, storing, write_atomic

MANIFEST = "manifest.json"
REDO = "`python -m genbench run` redoes it"
Arrays = dict[str, NDArray[Any]]


class SealedFolder:
    """Files under one path, and the manifest over them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def is_sealed(self) -> bool:
        """Whether there is a manifest: the folder is finished, if nothing is damaged."""
        return (self / MANIFEST).is_file()

    def intact(self, *names: str) -> bool:
        """Return whether every named file is listed in the manifest with its present digest."""
        try:
            listed = read_json(self / MANIFEST)["files"]
            return all(sha256_file(self / name) == listed[name] for name in names)
        except (StorageError, OSError, KeyError, TypeError):
            return False

    def listed(self) -> frozenset[str]:
        """Return the names in the manifest; none where there is no valid one."""
        try:
            return frozenset(read_json(self / MANIFEST)["files"])
        except (StorageError, KeyError, TypeError):
            return frozenset()

    def checked(self, name: str) -> Path | None:
        """Return a file's path, or None where it was never written.

        Raises:
            StorageError: The manifest is damaged, or the file is not the one that was written.
        """
        digests = self._digests()
        if name not in digests:
            return None
        path = self / name
        try:
            digest = sha256_file(path)
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}; {REDO}") from error
        if digest != digests[name]:
            raise StorageError(f"{path} is damaged, its SHA-256 is not the stored one; {REDO}")
        return path

    def _digests(self) -> dict[str, str]:
        content = read_json(self / MANIFEST) if self.is_sealed else {"files": {}}
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(files, dict):
            raise StorageError(f"{self / MANIFEST} is damaged: it names no files; {REDO}")
        return files

    def arrays(self, name: str) -> Arrays:
        """Return the arrays of a safetensors file, without empty ones; none where it is absent.

        Raises:
            StorageError: The file is damaged.
        """
        path = self.checked(name)
        try:
            arrays = {} if path is None else load_file(path)
        except SafetensorError as error:
            raise StorageError(f"{path} is damaged: {error}; {REDO}") from error
        return {key: np.asarray(array) for key, array in arrays.items() if array.size}

    def read(self, name: str) -> Any:
        """Read one of the folder's JSON files."""
        return read_json(self / name)

    def write(self, name: str, value: Any) -> None:
        """Write one of the folder's JSON files."""
        write_atomic(self / name, pretty_json(value))

    def seal(self) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left.

        Hidden files, such as the lock, are no part of it. The caller holds that lock.
        """
        for half_written in self.path.rglob(".*.tmp"):
            remove(half_written)
        with storing(self.path):
            names = sorted(
                str(path.relative_to(self.path).as_posix())
                for path in self.path.rglob("[!.]*")
                if path.is_file() and path.name != MANIFEST
            )
            files = {name: sha256_file(self / name) for name in names}
        self.write(MANIFEST, {"schema": 1, "files": files})

    def break_seal(self) -> None:
        """Remove the manifest, so that nothing here counts as whole until it is sealed again."""
        remove(self / MANIFEST)
