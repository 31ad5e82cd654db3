"""The folder of one run: files that are whole or absent, and a manifest of their digests.

``manifest.json`` is written last; a folder without a valid one is unfinished. What is damaged is
done again, never patched and never read.
"""

from pathlib import Path
from typing import Any

from genbench.core.errors import StorageError
from genbench.core.files import pretty_json, read_json, sha256_file, write_atomic

MANIFEST = "manifest.json"
METRICS = "metrics.json"
MODEL = "model.safetensors"
LAST_MODEL = "artifacts/last_model.safetensors"
CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.csv"
SPEC = "spec.json"
PROVENANCE = "provenance.json"
FIGURES = "artifacts/figures.safetensors"
PER_DATUM = "artifacts/per_datum.safetensors"


class RunFolder:
    """``results/<suite>/runs/<train_id>/``."""

    def __init__(self, results_dir: Path, suite: str, train_id: str) -> None:
        self.train_id = train_id
        self.path = results_dir / suite / "runs" / train_id

    def sibling(self, train_id: str) -> "RunFolder":
        """Return the folder of another run of the same suite."""
        return RunFolder(self.path.parents[2], self.path.parents[1].name, train_id)

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

    def seal(self, *, drop_checkpoint: bool = True) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left."""
        if drop_checkpoint:
            (self / CHECKPOINT).unlink(missing_ok=True)
        for half_written in self.path.rglob(".*.tmp"):
            half_written.unlink(missing_ok=True)
        names = sorted(
            str(path.relative_to(self.path).as_posix())
            for path in self.path.rglob("*")
            if path.is_file() and path.name != MANIFEST
        )
        files = {name: sha256_file(self / name) for name in names}
        self.write(MANIFEST, {"schema": 1, "files": files})
