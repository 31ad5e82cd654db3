"""The sealed folder of one run, and the names of its files."""

from pathlib import Path

from genbench.core.sealed import MANIFEST as MANIFEST
from genbench.core.sealed import SealedFolder

METRICS = "metrics.json"
MODEL = "model.safetensors"
LAST_MODEL = "artifacts/last_model.safetensors"
CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.csv"
SPEC = "spec.json"
PROVENANCE = "provenance.json"
FIGURES = "artifacts/figures.safetensors"
PER_DATUM = "artifacts/per_datum.safetensors"


class RunFolder(SealedFolder):
    """``results/<suite>/runs/<train_id>/``."""

    def __init__(self, results_dir: Path, suite: str, train_id: str) -> None:
        super().__init__(results_dir / suite / "runs" / train_id)
        self.train_id = train_id

    def sibling(self, train_id: str) -> "RunFolder":
        """Return the folder of another run of the same suite."""
        return RunFolder(self.path.parents[2], self.path.parents[1].name, train_id)

    def seal(self, *, drop_checkpoint: bool = True) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left."""
        if drop_checkpoint:
            (self / CHECKPOINT).unlink(missing_ok=True)
        super().seal()
