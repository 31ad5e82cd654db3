"""A folder whose files are whole or absent, with a manifest of their digests.

``manifest.json`` is written last; a folder without a valid one is unfinished. What is damaged is
done again, never patched and never read.
"""

from pathlib import Path
from typing import Any

from genbench.core.errors import StorageError
from genbench.core.files import pretty_json, read_json, sha256_file, write_atomic

MANIFEST = "manifest.json"


class SealedFolder:
    """Files under one path, and the manifest over them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

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

    def read(self, name: str) -> Any:
        """Read one of the folder's JSON files."""
        return read_json(self / name)

    def write(self, name: str, value: Any) -> None:
        """Write one of the folder's JSON files."""
        write_atomic(self / name, pretty_json(value))

    def seal(self) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left."""
        for half_written in self.path.rglob(".*.tmp"):
            half_written.unlink(missing_ok=True)
        names = sorted(
            str(path.relative_to(self.path).as_posix())
            for path in self.path.rglob("*")
            if path.is_file() and path.name != MANIFEST
        )
        files = {name: sha256_file(self / name) for name in names}
        self.write(MANIFEST, {"schema": 1, "files": files})

    def break_seal(self) -> None:
        """Remove the manifest, so that nothing here counts as whole until it is sealed again."""
        (self / MANIFEST).unlink(missing_ok=True)
