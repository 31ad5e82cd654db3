"""The folder of one run, ``results/<suite>/runs/<train_id>/``, and the names of its files."""

from pathlib import Path

import pandas as pd

from genbench.core.errors import StorageError
from genbench.core.files import remove
from genbench.results.sealed_folder import REDO, Arrays, SealedFolder

RUNS = "runs"
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
    """What one run stores: specification, weights, history, metrics and what stands behind them."""

    def __init__(self, suite_folder: Path, train_id: str) -> None:
        super().__init__(suite_folder / RUNS / train_id)
        self.train_id = train_id

    def sibling(self, train_id: str) -> "RunFolder":
        """Return the folder of another run of the same suite."""
        return RunFolder(self.path.parents[1], train_id)

    def seal(self, *, drop_checkpoint: bool = True) -> None:
        """Write the manifest over everything that is there; clear what interrupted writes left."""
        if drop_checkpoint:
            remove(self / CHECKPOINT)
        super().seal()

    def history(self) -> pd.DataFrame | None:
        """Return the means per epoch, or None for a model that is not trained in epochs.

        Raises:
            StorageError: The file is damaged.
        """
        path = self.checked(HISTORY)
        if path is None or path.stat().st_size == 0:
            return None
        try:
            frame = pd.read_csv(path)
        except ValueError as error:
            raise StorageError(f"{path} is damaged, not a CSV table: {error}; {REDO}") from error
        return frame if "epoch" in frame and len(frame) else None

    def figures(self) -> Arrays:
        """Return sample grids, latent codes and the like by name; none where none are stored."""
        return self.arrays(FIGURES)
